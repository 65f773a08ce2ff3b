internal import DequeModule
package import FluxonCore

// What a turn leaves to later ones: owners that are taken out of millions of holder sets, keys that are judged anew.
extension RoutingTable {
    /// Whether `workOff` has something to do; `nextTimer` says so, too.
    package var hasWork: Bool { stalled.hasWoken || !sweeping.isEmpty }

    /// One piece of what earlier turns left, `stepsPerTurn` at most: messages, and with them the grants, come between the pieces.
    /// Called in each turn after its events and before `flush` reads the clock (G1).
    package mutating func workOff(now: BootInstant) {
        var steps = stepsPerTurn
        judgeWoken(&steps, now: now)
        if isOpen, !isComplete, !stalled.hasWoken {
            checkProgress(now: now)
            judgeWoken(&steps, now: now)
        }
        while steps > 0, let id = sweeping.first { sweep(id, &steps, now: now) }
    }

    /// What handling a key costs, beside a look at an entry that turns out to be none of ours.
    private static let stepsPerKey = 16

    private mutating func judgeWoken(_ steps: inout Int, now: BootInstant) {
        while steps > 0, let key = stalled.next() {
            steps -= Self.stepsPerKey
            judgeAnew(key, now: now)
        }
    }

    private mutating func judgeAnew(_ key: Key, now: BootInstant) {
        activities[key]?.stalls = []
        settle(key, now: now)
        answerLookups(key, now: now)
        prepareNext(key, now: now)
    }

    /// Lookups or commits of the key wait for `cause`.
    mutating func stall(_ key: Key, until cause: StalledKeys.Cause) {
        guard let activity = activities[key], !activity.stalls.contains(cause) else { return }
        activities[key]?.stalls.append(cause)
        stalled.add(key, until: cause)
    }

    /// Something changed that the key's lookups and commits may have waited for.
    mutating func wake(_ key: Key) {
        if activities[key] != nil { stalled.wake(key) }
    }

    // MARK: Holders

    /// Takes the owner out of the sets of all keys but those in `kept`. A sweep of this owner that is not over yet is part of it.
    mutating func beginSweep(_ id: OwnerID, _ cause: RemovalCause, keeping kept: EntrySet = EntrySet()) {
        if owners[id.place].sweep == nil { sweeping.append(id) }
        owners[id.place].sweep = HolderSweep(
            cause: owners[id.place].sweep?.cause == .lost ? .lost : cause, end: records.entryLimit, kept: kept)
    }

    private mutating func sweep(_ id: OwnerID, _ steps: inout Int, now: BootInstant) {
        while steps > 0, let entry = owners[id.place].sweep?.next, let end = owners[id.place].sweep?.end {
            guard entry < end else {
                owners[id.place].sweep = nil
                sweeping.removeFirst()
                return
            }
            steps -= takeOut(id, of: entry, now: now) ? Self.stepsPerKey : 1
            owners[id.place].sweep?.next = entry + 1
        }
    }

    /// - Returns: False when there is nothing to take out of the entry.
    private mutating func takeOut(_ id: OwnerID, of entry: UInt32, now: BootInstant) -> Bool {
        guard owners[id.place].sweep?.covers(entry) == true, var record = records.value(at: entry),
            holderLists.contains(id, in: record.holders), let key = records.key(at: entry), let cause = owners[id.place].sweep?.cause
        else { return false }
        holderLists.remove(id, from: &record.holders)
        records.set(record, at: entry)
        removeIfLastCopyGone(key, cause, now: now)
        answerLookups(key, now: now)
        return true
    }

    /// Before a key is looked at for somebody: what a sweep would come to later is done at once, so that the key is what it will be.
    mutating func settle(_ key: Key, now: BootInstant) {
        guard !sweeping.isEmpty, let entry = records.number(of: key) else { return }
        for id in sweeping { _ = takeOut(id, of: entry, now: now) }
    }
}
