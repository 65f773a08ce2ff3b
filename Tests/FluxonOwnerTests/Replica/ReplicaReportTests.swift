import FluxonCore
import FluxonOwner
import Testing

/// What an owner says and takes in a new session, of the same term (R3) or of another (R5), and what it obeys no longer.
@Suite final class ReplicaReportTests: ScriptedOwner {
    private static let late = start.advanced(by: .seconds(3))
    private static let other = OperationReference(owner: OwnerID(2), generation: Generation(1), number: 1)

    private func own(_ operation: UInt64) -> OperationReference {
        OperationReference(owner: OwnerID(1), generation: Generation(1), number: operation)
    }

    /// Version 1, of 8 bytes in extent 10, is published here.
    private func publishFirst() {
        put(1, extent: 10)
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
    }

    private func entry(_ sequence: UInt64, parkedBy cause: OperationReference?) -> ReportEntry {
        ReportEntry(key: key, version: version(sequence), byteCount: 8, parkedBy: cause)
    }

    private func commit(_ operation: UInt64, _ condition: CommitCondition = .none) -> LinkCommit {
        LinkCommit(operation: operation, key: key, kind: .put, byteCount: 8, condition: condition)
    }

    @Test("a report names live copies, and parked ones with what parked them")
    func reportedCopies() {
        publishFirst()
        enter(term: 3, session: 2)
        #expect(turn().sent == [.report(ReportPage(entries: [entry(1, parkedBy: nil)], pending: [], isLast: true))])
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: Self.other))])
        enter(term: 4, session: 1)
        #expect(turn().sent == [.report(ReportPage(entries: [entry(1, parkedBy: Self.other)], pending: [], isLast: true))])
    }

    /// Version 1 is parked here for another's commit, and version 2 was looked up in a new session: `upTo` is what comes then, for good.
    private func lookUpBehindParked(upTo sequence: UInt64) -> [OwnerMessage] {
        publishFirst()
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(1), cause: Self.other))])
        enter(term: 3, session: 2)
        get(7)
        _ = turn()
        let found = FoundCopy(version: version(2), byteCount: 8, holders: [OwnerID(2)], isRegistered: true)
        let request = FetchRequest(fetch: FetchID(1), key: key, version: version(2), byteCount: 8, holders: [OwnerID(2)])
        _ = receive([.found(LookupAnswer(lookup: 1, content: .copy(found)))])
        table.store.retain(20)
        table.fetched(FetchID(1), request, .arrived(extent: 20, flags: 0), now: Self.start)
        return receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(sequence), cause: nil))]).sent
    }

    @Test("an invalidation takes copies up to its version, parked or published, and none that a later lookup brought", arguments: [1, 2])
    func upTo(sequence: UInt64) {
        #expect(lookUpBehindParked(upTo: sequence).last == .confirm(upTo: 1))
        #expect(table.store.find(key)?.version == (sequence == 1 ? version(2) : nil))
        #expect(table.store.references[10] == nil)
    }

    @Test(
        "M1, M4: a copy that was restored while it was fetched, too, is evicted without a drop: the fetch still counts on its registration")
    func evictedBesideFetch() {
        publishFirst()
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(1), cause: Self.other))])
        get(7)
        let found = FoundCopy(version: version(1), byteCount: 8, holders: [OwnerID(2)], isRegistered: true)
        let request = FetchRequest(fetch: FetchID(1), key: key, version: version(1), byteCount: 8, holders: [OwnerID(2)])
        _ = receive([.found(LookupAnswer(lookup: 1, content: .copy(found))), .restore(key, version(1))])
        let isEvicted = table.evict(key)
        #expect(isEvicted)
        #expect(turn().sent.isEmpty)
        table.store.retain(20)
        table.fetched(FetchID(1), request, .arrived(extent: 20, flags: 0), now: Self.start)
        #expect(table.store.find(key)?.version == version(1))
    }

    @Test("C2: a commit that fails does not publish what another owner's commit of the same number had parked")
    func parkedForAnothersNumber() {
        publishFirst()
        let other = OperationReference(owner: OwnerID(2), generation: Generation(1), number: 2)
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(1), cause: other))])
        put(2, extent: 11, condition: .absent)
        enter(term: 4, session: 1)
        #expect(turn().sent == [.report(ReportPage(entries: [entry(1, parkedBy: other)], pending: [commit(2, .absent)], isLast: true))])
        _ = receive([.done(operation: 2, .conditionFailed(version(1)), publishes: false)])
        #expect(table.store.find(key) == nil)
    }

    @Test("M2: a fetch of a newer version than an invalidation means stays attached")
    func newerFetch() {
        get(7)
        let found = FoundCopy(version: version(2), byteCount: 8, holders: [OwnerID(2)], isRegistered: true)
        let request = FetchRequest(fetch: FetchID(1), key: key, version: version(2), byteCount: 8, holders: [OwnerID(2)])
        _ = receive([.found(LookupAnswer(lookup: 1, content: .copy(found)))])
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(1), cause: nil))])
        table.store.retain(20)
        table.fetched(FetchID(1), request, .arrived(extent: 20, flags: 0), now: Self.start)
        #expect(table.store.find(key)?.version == version(2))
    }

    @Test("a report names a commit whose outcome is not taken, and the copy that it parked")
    func reportedCommit() {
        publishFirst()
        put(2, extent: 11)
        _ = turn()
        enter(term: 4, session: 1)
        #expect(turn().sent == [.report(ReportPage(entries: [entry(1, parkedBy: own(2))], pending: [commit(2)], isLast: true))])
    }

    @Test("P5: a commit that waited for the report's end leaves behind the fence of the copy that it parks")
    func fencedCommit() {
        publishFirst()
        enter(term: 3, session: 2)
        put(2, extent: 11)
        #expect(turn().sent.last == .commit(commit(2)))
        #expect(!table.store.hasInvisibleRetirements)
    }

    @Test("R5: a done of an older term that waits for validity is void with the report to a newer one")
    func keptDoneOfOldTerm() {
        put(1, extent: 10)
        #expect(receive([.done(operation: 1, .committed(version(1)), publishes: true)], at: Self.late).rest.isEmpty)
        enter(term: 4, session: 1)
        _ = turn()
        grant(at: Self.late)
        #expect(turn(at: Self.late).rest.isEmpty)
        #expect(table.store.find(key) == nil)
        #expect(receive([.done(operation: 1, .committed(version(2)), publishes: true)], at: Self.late).sent == [.taken(operation: 1)])
    }

    @Test("R5: a running fetch is detached with the report: it serves who waited, and publishes nothing")
    func detachedByReport() {
        get(1)
        let found = FoundCopy(version: version(1), byteCount: 8, holders: [OwnerID(2)], isRegistered: true)
        let request = FetchRequest(fetch: FetchID(1), key: key, version: version(1), byteCount: 8, holders: [OwnerID(2)])
        _ = receive([.found(LookupAnswer(lookup: 1, content: .copy(found)))])
        enter(term: 4, session: 1)
        _ = turn()
        table.store.retain(20)
        table.fetched(FetchID(1), request, .arrived(extent: 20, flags: 0), now: Self.start)
        #expect(turn().rest == [.answerGet(WaiterID(1), .value(copy(20, 1), isPublished: false))])
        #expect(table.store.find(key) == nil)
    }

    @Test("R5: it serves on while its lease runs, and obeys no grant of the older term")
    func servesOn() {
        publishFirst()
        enter(term: 4, session: 1)
        _ = turn()
        get(1)
        #expect(turn().rest == [.answerGet(WaiterID(1), .value(copy(10, 1), isPublished: true))])
        let grant = LinkGrant(sentAt: Self.late, length: .seconds(3), barrier: 0)
        table.received(MasterFrame(term: 3, session: 1, control: .grant(grant)), now: Self.start)
        let isValid = table.isValid(now: Self.late)
        #expect(!isValid)
    }

    @Test("R3 (b): a replayed outcome that is exposed is taken and published without validity, and served only with it")
    func exposedWithoutValidity() {
        put(1, extent: 10)
        get(1)
        _ = turn()
        enter(term: 3, session: 2)
        _ = turn()
        let (sent, rest) = receive([.done(operation: 1, .committed(version(1)), publishes: true, isExposed: true)], at: Self.late)
        #expect(sent == [.taken(operation: 1)])
        #expect(rest == [.answerCommit(token(1), .committed(version(1)))])
        #expect(table.store.find(key) == copy(10, 1))
        grant(at: Self.late)
        #expect(turn(at: Self.late).rest == [.answerGet(WaiterID(1), .value(copy(10, 1), isPublished: true))])
    }

    @Test("R3: a replayed outcome that is no longer the key's version only answers the caller")
    func superseded() {
        put(1, extent: 10)
        _ = turn()
        enter(term: 3, session: 2)
        _ = turn()
        let (sent, rest) = receive([.done(operation: 1, .committed(version(1)), publishes: false, isExposed: true)], at: Self.late)
        #expect(sent == [.taken(operation: 1)])
        #expect(rest == [.answerCommit(token(1), .committed(version(1)))])
        #expect(table.store.references.isEmpty)
    }

    @Test("C5: the outcome of a removal waits for validity like that of a put", arguments: [false, true])
    func removal(isExposed: Bool) {
        remove(1)
        _ = turn()
        let done = MasterMessage.done(operation: 1, .committed(version(1)), publishes: false, isExposed: isExposed)
        let answered: [ReplicaEffect<Int>] = [.answerCommit(token(1), .committed(version(1)))]
        #expect(receive([done], at: Self.late).rest == (isExposed ? answered : []))
        grant(at: Self.late)
        #expect(turn(at: Self.late).rest == (isExposed ? [] : answered))
    }

    @Test("what waits for validity is not published once its key was invalidated, whatever the master meant")
    func keptAndInvalidated() {
        put(1, extent: 10)
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)], at: Self.late)
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: Self.other))], at: Self.late)
        grant(at: Self.late)
        #expect(turn(at: Self.late).rest == [.answerCommit(token(1), .committed(version(1)))])
        #expect(table.store.find(key) == nil)
        #expect(table.store.references.isEmpty)
    }

    @Test("R3 (c): a copy that is invalidated again takes the new cause, and goes when that is settled")
    func newCause() {
        publishFirst()
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: Self.other))])
        enter(term: 3, session: 2)
        _ = turn()
        let next = OperationReference(owner: OwnerID(3), generation: Generation(1), number: 8)
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: next)), .settled(2...2)])
        #expect(table.store.references == [10: 1])
        _ = receive([.settled(1...1)])
        #expect(table.store.references.isEmpty)
    }

    @Test(
        "R3 (c): a copy that is restored behind an own commit hangs on that one: published if it fails, released if it is taken",
        arguments: [false, true])
    func restoredBehindOwnCommit(isCommitted: Bool) {
        publishFirst()
        put(2, extent: 11)
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: Self.other)), .restore(key, version(1))])
        #expect(table.store.find(key) == nil)
        let outcome = isCommitted ? CommitOutcome.committed(version(2)) : .conditionFailed(version(1))
        _ = receive([.done(operation: 2, outcome, publishes: isCommitted)])
        #expect(table.store.find(key) == (isCommitted ? copy(11, 2) : copy(10, 1)))
    }

    @Test("R9: an invalidation without a cause drops a parked copy for good; a restore that comes later finds nothing")
    func droppedClaim() {
        publishFirst()
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: Self.other))])
        #expect(receive([.invalidate(Invalidation(number: 2, key: key, upTo: version(9), cause: nil))]).sent == [.confirm(upTo: 2)])
        _ = receive([.restore(key, version(1))])
        #expect(table.store.find(key) == nil)
        #expect(table.store.references.isEmpty)
    }

    @Test("R10: a source that is asked for what it has not sends a drop, unless it expects the key")
    func sourceWithoutCopy() {
        guard case .gone = table.source(key, version(1)) else { Issue.record("it has nothing"); return }
        #expect(turn().sent == [.drop(key, version(1))])
        put(1, extent: 10)
        _ = turn()
        guard case .notYet = table.source(key, version(1)) else { Issue.record("it commits the key"); return }
        #expect(turn().sent.isEmpty)
    }
}
