/// The methods that roles and processes call at each other, as they stand in `:path`; the services are those of proto/fluxon/v1.
package enum MethodPath {
    /// Owner → master: the link of CONSISTENCY §3.
    package static let masterLink = "/fluxon.v1.Master/Link"
    /// External → master, by way of its owner: joined for as long as the stream lives.
    package static let masterPresence = "/fluxon.v1.Master/Presence"
    /// Owner → master: the members, now and after each change.
    package static let masterDirectory = "/fluxon.v1.Master/Directory"
    /// Owner → owner: leave to read a copy.
    package static let ownerTicket = "/fluxon.v1.Owner/Ticket"
    /// Anybody → any server: is it there?
    package static let healthCheck = "/grpc.health.v1.Health/Check"
    /// Process → owner: all that a `Store` does.
    package static let localSession = "/fluxon.v1.Local/Session"
    /// Anybody → any role, for `fluxon members` and `fluxon status`.
    package static let controlMembers = "/fluxon.v1.Control/Members"
    package static let controlStatus = "/fluxon.v1.Control/Status"
    /// Anybody on an owner's machine → owner → master: which keys there are, page by page.
    package static let controlKeys = "/fluxon.v1.Control/Keys"
    /// Anybody → owner: networks of the cluster. Owner → owner: its own. Owner → master: what is recorded.
    package static let controlNetwork = "/fluxon.v1.Control/Network"
    /// Anybody on an owner's machine → owner → master: switches devices of an owner.
    package static let controlNetworkChange = "/fluxon.v1.Control/NetworkChange"
    /// Anybody on an owner's machine → owner → master: what may be kept over an etcd that lost its history, and keeping it.
    package static let controlRecover = "/fluxon.v1.Control/Recover"
}
