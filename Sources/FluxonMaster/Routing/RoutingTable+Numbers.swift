import FluxonCore

// Numbers of owners: given to those that the cluster does not know, and given anew (decision 0043).
//
//     free ──first owner──▶ in use ──lost (R4), nothing waits for it──▶ forgotten ──another owner, the next generation──▶ in use
extension RoutingTable {
    /// An owner that is not in the roster: new, or one that was lost and whose number is another's by now.
    mutating func register(_ hello: LinkHello, _ connection: ConnectionID, now: BootInstant) {
        guard !leaving.contains(hello.instance) else {
            return refuse(connection, .notYet, "\(hello.instance) was lost, and its entry is being deleted; try again")
        }
        let former = numberToGiveAnew()
        guard former != nil || owners.count < Limits.owners else {
            return refuse(connection, .notYet, "the cluster has \(owners.count) owners, the limit, and none of them is lost; stop some")
        }
        let id = former ?? OwnerID(UInt32(owners.count) + 1)
        // A number never falls back to an earlier generation, so that no operation is named as another one was; nor does an owner.
        let last = max(former.map { owners[$0.place].generation } ?? Generation(0), hello.generation, hello.fenced)
        guard last.number < .max else { return refuse(connection, .protocolViolation, "generation \(last) has no next one") }
        // Whoever has a generation that the roster does not know was lost (R4): what it brings is not believed.
        let state: RosterEntry.State = hello.generation == Generation(0) ? .in : .lost
        let entry = RosterEntry(owner: id, generation: Generation(last.number + 1), state: state, life: hello.life)
        var owner = RoutingOwner(
            id: id, instance: hello.instance, entry: nil, desired: entry, isTrusted: state == .in, hasReported: true, lastHeard: now)
        owner.greeting = (connection, hello)
        if former == nil { owners.append(owner) } else { replace(id, with: owner) }
        ownersByInstance[hello.instance] = id
        connections[connection] = id
        write(id)
    }

    private mutating func replace(_ id: OwnerID, with new: RoutingOwner) {
        let former = owners[id.place]
        var owner = new
        owner.replaces = former.instance
        // What still names a session of the former owner must not find one of this.
        owner.nextSession = former.nextSession
        ownersByInstance[former.instance] = nil
        leaving.insert(former.instance)
        reachability.forget(id)
        owners[id.place] = owner
    }

    /// The lowest number of an owner that cannot matter any more; nil while few are lost and there are other numbers.
    private func numberToGiveAnew() -> OwnerID? {
        let forgotten = owners.filter(\.isForgotten)
        guard forgotten.count > lostOwnersKept || (owners.count >= Limits.owners && !forgotten.isEmpty) else { return nil }
        // A connection that waits for its welcome, or is being closed, still leads to its owner.
        let connected = Set(connections.values)
        return forgotten.first { !connected.contains($0.id) }?.id
    }
}
