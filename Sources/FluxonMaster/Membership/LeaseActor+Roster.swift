import FluxonCore
package import FluxonEtcd
internal import FluxonSystem
internal import Logging

/// One change of the roster that the term wants written; of an owner only one at a time.
package struct RosterWrite: Sendable {
    package let change: RosterChange
    /// Called once: true written, false the term is over.
    let done: @Sendable (Bool) -> Void

    package init(_ change: RosterChange, done: @escaping @Sendable (Bool) -> Void) {
        self.change = change
        self.done = done
    }

    /// The entries that it touches: the owner's first, and the one that goes with it (decision 0043).
    var names: [InstanceKey] { [change.owner] + (change.replaces.map { [$0] } ?? []) }
}

extension LeaseActor {
    /// Writes changes that concern different entries if this term still leads, and counts each in the history, in one transaction: a
    /// thousand owners that join or fall silent together wait for ten answers of etcd, not for a thousand (decision 0047). The revisions
    /// of all entries and of the history are compared, so that an attempt under way cannot arrive behind a later entry (decision 0014);
    /// an attempt of unknown outcome is repeated. All are written or none.
    ///
    /// - Parameter writes: Touch at most `Limits.rosterBatch` entries.
    /// - Returns: Whether this term still leads. Each change is told the same.
    package func write(_ writes: [RosterWrite], _ leadership: Leadership) async -> Bool {
        let isWritten = await put(writes.map(\.change), writes.flatMap(\.names), leadership)
        for write in writes { write.done(isWritten) }
        return isWritten
    }

    private func put(_ changes: [RosterChange], _ names: [InstanceKey], _ leadership: Leadership) async -> Bool {
        var backoff = Backoff(first: .milliseconds(100), longest: .seconds(2))
        while !Task.isCancelled {
            var next = history
            // A mark counts entries, not transactions: the table learns of them one by one (decision 0040).
            for _ in changes { next.wrote(in: leadership.term) }
            do throws(EtcdError) {
                let result = try await etcd.transaction(transaction(of: changes, names, next, leadership), timeout: timing.authority)
                isServed()
                if result.succeeded {
                    for name in names { rosterRevisions[name] = nil }
                    for change in changes { rosterRevisions[change.owner] = result.revision }
                    (history, historyRevision) = (next, result.revision)
                    return true
                }
                if election.isOver(leadership.value, after: result) { return false }
                let told = result.keyValues(at: names.count + 1)?.first
                if isRolledBack(told.map { [$0] }, behind: history, leadership) { return false }
                let present = read(names, result)
                historyRevision = told?.modRevision ?? 0
                history = told.flatMap { TermHistory(parsing: $0.valueText) } ?? history
                // An earlier attempt got through.
                let isThere = changes.allSatisfy { present[$0.owner]?.value == Array($0.entry.text.utf8) }
                if isThere, told?.valueText == next.text { return true }
            } catch {
                isTroubled("roster not written: \(changes.count) entries wait, \(changes.first?.owner.name ?? "none") first", error)
                try? await loop.sleep(for: backoff.next())
            }
        }
        return false
    }

    private func transaction(
        of changes: [RosterChange], _ names: [InstanceKey], _ next: TermHistory, _ leadership: Leadership
    ) -> EtcdTransaction {
        let puts = changes.map { EtcdOperation.put(keyspace.rosterEntry(of: $0.owner), $0.entry.text) }
        let deletes = changes.compactMap(\.replaces).map { EtcdOperation.delete(keyspace.rosterEntry(of: $0)) }
        let unchanged = names.map { EtcdCompare.modRevision(of: keyspace.rosterEntry(of: $0), .equal, rosterRevisions[$0] ?? 0) }
        var transaction = election.guarded(
            by: leadership.value, puts + deletes + [.put(keyspace.history, next.text)],
            and: unchanged + [.modRevision(of: keyspace.history, .equal, historyRevision)])
        transaction.failure += (names.map(keyspace.rosterEntry) + [keyspace.history]).map { .get($0) }
        return transaction
    }

    /// Some entry is another one than this term read or wrote last. The first answer is the leader key's.
    private func read(_ names: [InstanceKey], _ result: EtcdTransactionResult) -> [InstanceKey: EtcdKeyValue] {
        var present: [InstanceKey: EtcdKeyValue] = [:]
        for (index, name) in names.enumerated() {
            present[name] = result.keyValues(at: index + 1)?.first
            rosterRevisions[name] = present[name]?.modRevision
        }
        return present
    }
}
