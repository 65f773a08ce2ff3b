import FluxonCore

// Lookups, drops and ordered removals (M1, M4, M4a, R4, R7, R10).
extension RoutingTable {
    mutating func lookUp(_ id: OwnerID, _ lookup: LinkLookup, now: BootInstant) {
        guard let session = owners[id.place].session else { return }
        let waiting = WaitingLookup(owner: id, session: session.number, lookup: lookup)
        settle(lookup.key, now: now)
        // The usual case leaves no trace.
        if activities[lookup.key] == nil, answer(waiting) { return }
        activities[lookup.key, default: .init()].lookups.append(waiting)
        answerLookups(lookup.key, now: now)
    }

    /// Answers what can be answered; the rest stays until the key is free, known, or has a holder that can be reached.
    mutating func answerLookups(_ key: Key, now: BootInstant) {
        guard let activity = activities[key], !activity.lookups.isEmpty else { return }
        guard activity.operation == nil || showsEarly else { return }
        activities[key]?.lookups = []
        var rest: [WaitingLookup] = []
        for waiting in activity.lookups where owners[waiting.owner.place].session?.number == waiting.session {
            if !answer(waiting) { rest.append(waiting) }
        }
        activities[key]?.lookups = rest
        if !rest.isEmpty { stallLookups(key) }
        tidy(key)
    }

    /// Nobody knows of the key, or none of those who have it can be reached.
    private mutating func stallLookups(_ key: Key) {
        guard let record = records[key] else { return stall(key, until: .completeness) }
        for holder in holderLists.owners(of: record.holders) where owners[holder.place].session?.connection == nil {
            stall(key, until: .holder(holder))
        }
    }

    private var showsEarly: Bool {
        #if FLUXON_PLANTING
        if planted.contains(.exposeEarly) { return true }
        #endif
        return false
    }

    /// - Returns: False when nobody can say now.
    private mutating func answer(_ waiting: WaitingLookup) -> Bool {
        let lookup = waiting.lookup
        guard let record = records[lookup.key] else {
            guard isDecided(lookup.key) else { return false }
            send(waiting.owner, .found(LookupAnswer(lookup: lookup.lookup, content: .absent)))
            return true
        }
        if lookup.wants == .metadata {
            let content = LookupAnswer.Content.metadata(record.version, byteCount: record.byteCount)
            send(waiting.owner, .found(LookupAnswer(lookup: lookup.lookup, content: content)))
            return true
        }
        let others = holderLists.owners(of: record.holders).filter { $0 != waiting.owner }
        let reachable = others.filter { owners[$0.place].session?.connection != nil }
        // With nobody else listed, the asker learns that it is alone; having nothing it drops, and the key goes in order (R10).
        guard !reachable.isEmpty || (others.isEmpty && !record.holders.isEmpty) else { return false }
        register(waiting.owner, lookup.key, record)
        // Askers start at different holders, so that a hot key is not read from one alone.
        let offset = reachable.isEmpty ? 0 : Int(waiting.owner.number) % reachable.count
        let (ordered, relays) = route(Array(reachable[offset...] + reachable[..<offset]), to: waiting.owner)
        let copy = FoundCopy(
            version: record.version, byteCount: record.byteCount, holders: ordered, isRegistered: true, relays: relays)
        send(waiting.owner, .found(LookupAnswer(lookup: lookup.lookup, content: .copy(copy))))
        return true
    }

    /// M4: the owner no longer has anything of (key, version).
    mutating func dropped(_ id: OwnerID, _ key: Key, _ version: Version, now: BootInstant) {
        guard var record = records[key], record.version == version, holderLists.contains(id, in: record.holders) else { return }
        holderLists.remove(id, from: &record.holders)
        records[key] = record
        if record.holders.isEmpty { removeIfLastCopyGone(key, .evicted, now: now) }
        answerLookups(key, now: now)
    }

    /// Behind the last copy the master removes the key in order (M4, R4, R10): an operation of its own, which waits until claimed copies
    /// are gone (K2) and is never taken back (K3). Before R8 holds the key is unavailable instead: somebody may still bring it (M4a).
    mutating func removeIfLastCopyGone(_ key: Key, _ cause: RemovalCause, now: BootInstant) {
        guard let record = records[key], record.holders.isEmpty, activities[key]?.operation == nil else { return }
        guard isOpen else { return forgetRecord(key) }
        lastRemoval += 1
        var operation = RunningOperation(of: key, number: lastRemoval, cause)
        if observesOperations { note(.removing(key, record.version)) }
        dropClaims(for: &operation, now: now)
        // The usual case leaves no trace.
        guard operation.awaited.isEmpty else { return activities[key, default: .init()].operation = operation }
        removed(key, cause)
        answerLookups(key, now: now)
    }

    /// Completed and exposed in one step: nobody has to be told.
    mutating func removed(_ key: Key, _ cause: RemovalCause) {
        forgetRecord(key)
        rememberRemoval(key)
        note(.removed(key, nextVersion(), cause))
    }
}
