package import FluxonCore

extension RoutingTable {
    /// What etcd says of an owner, as far as this master has written or read it; nil for one that is not in the roster.
    package func rosterState(of instance: InstanceKey) -> RosterEntry.State? {
        ownersByInstance[instance].flatMap { owners[$0.place].entry?.state }
    }
}
