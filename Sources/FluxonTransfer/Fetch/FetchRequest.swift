package import FluxonCore

/// A range of a version that another owner holds, and where it is to go.
package struct FetchRequest {
    package let peer: TransferPeer
    package let ticket: Ticket
    package let version: Version
    /// Bytes of the value; they go to the start of `destination`.
    package let range: Range<UInt64>
    package let destination: Destination
    package let deadline: BootInstant
    /// Asks the holder for another ticket, for the rest of the range, after a path broke with the first one used. Answered with
    /// nil, or with no closure here, the fetch fails with what it has (`TransferError.verified`). Answer on the loop.
    package var renew: ((_ rest: Range<UInt64>, _ answer: @escaping (Ticket?) -> Void) -> Void)?

    package init(
        peer: TransferPeer, ticket: Ticket, version: Version, range: Range<UInt64>, destination: Destination, deadline: BootInstant
    ) {
        self.peer = peer
        self.ticket = ticket
        self.version = version
        self.range = range
        self.destination = destination
        self.deadline = deadline
    }
}
