import FluxonCore

// Ways around networks that do not connect every owner with every other (decision 0019).
extension RoutingTable {
    /// The holders to be named to `asker`, best first: those that it reaches, those that it reaches through a relay, the others.
    mutating func route(_ holders: [OwnerID], to asker: OwnerID) -> (holders: [OwnerID], relays: [OwnerID: OwnerID]) {
        // The usual case costs one look.
        guard !reachability.reachesAll(asker) else { return (Array(holders.prefix(Limits.answeredHolders)), [:]) }
        var direct: [OwnerID] = []
        var relayed: [OwnerID] = []
        var rest: [OwnerID] = []
        var relays: [OwnerID: OwnerID] = [:]
        for holder in holders {
            if reachability.reaches(asker, holder) {
                direct.append(holder)
            } else if let relay = reachability.relay(from: holder, to: asker, isActive: { [owners] in Self.isActive(owners[$0.place]) }) {
                relayed.append(holder)
                relays[holder] = relay
            } else {
                rest.append(holder)
            }
        }
        let named = Array((direct + relayed + rest).prefix(Limits.answeredHolders))
        return (named, relays.filter { named.contains($0.key) })
    }

    private static func isActive(_ owner: RoutingOwner) -> Bool { owner.session?.isActive == true && owner.session?.connection != nil }

    /// An owner says what it cannot connect to; the numbers come from outside.
    mutating func unreachable(_ id: OwnerID, _ others: [OwnerID]) {
        reachability.reported(id, cannotReach: Set(others.filter { isKnown($0) && $0 != id }))
    }

    /// Pairs of owners whose first cannot connect to its second, and how many of them have a relay; for `fluxon status`.
    package var reachabilityCounts: (unreachable: Int, relayed: Int) { (reachability.unreachablePairs, reachability.relayedPairs) }
}
