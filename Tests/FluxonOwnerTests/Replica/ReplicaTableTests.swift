import FluxonCore
import FluxonOwner
import Testing

/// Rules of one owner that are plain to see on its effects; their interplay is the simulation's.
@Suite final class ReplicaTableTests: ScriptedOwner {
    @Test("a commit is sent at once, published and answered when done; gets of the key wait for that")
    func commit() {
        put(1, extent: 10)
        get(1)
        #expect(turn().rest.isEmpty)
        let (sent, rest) = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
        #expect(sent == [.taken(operation: 1)])
        #expect(rest == [.answerCommit(token(1), .committed(version(1))), .answerGet(WaiterID(1), .value(copy(10, 1), isPublished: true))])
        // One reference is the entry's, one the answered get's.
        #expect(table.store.references == [10: 2])
    }

    @Test("a second commit of the key waits for the first, and parks its copy")
    func oneInFlight() {
        put(1, extent: 10)
        put(2, extent: 11)
        #expect(turn().sent.count == 1)
        #expect(receive([.done(operation: 1, .committed(version(1)), publishes: true)]).sent.count == 2)
        #expect(table.store.find(key) == nil)
        _ = receive([.done(operation: 2, .committed(version(2)), publishes: true)])
        #expect(table.store.find(key) == copy(11, 2))
        #expect(table.store.references == [11: 1])
    }

    @Test("a condition that fails publishes the parked copy again, unless an invalidation came between")
    func conditionFailed() {
        put(1, extent: 10)
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
        put(2, extent: 11, condition: .absent)
        _ = receive([.done(operation: 2, .conditionFailed(version(1)), publishes: false)])
        #expect(table.store.find(key) == copy(10, 1))
        put(3, extent: 12, condition: .absent)
        let cause = OperationReference(owner: OwnerID(2), generation: Generation(1), number: 1)
        #expect(receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: cause))]).sent.contains(.confirm(upTo: 1)))
        _ = receive([.done(operation: 3, .conditionFailed(version(1)), publishes: false)])
        #expect(table.store.find(key) == nil)
        #expect(table.store.references == [10: 1])
        _ = receive([.settled(1...1)])
        #expect(table.store.references.isEmpty)
    }

    @Test("C2: a get whose lookup is not sent when a commit is waits for the outcome, and looks up nothing meanwhile")
    func restingBehindCommit() {
        get(1)
        for attempt in 1...2 as ClosedRange<UInt64> {
            let found = FoundCopy(version: version(1), byteCount: 8, holders: [OwnerID(2)], isRegistered: true)
            _ = receive([.found(LookupAnswer(lookup: attempt, content: .copy(found)))])
            let request = FetchRequest(fetch: FetchID(attempt), key: key, version: version(1), byteCount: 8, holders: [OwnerID(2)])
            table.fetched(FetchID(attempt), request, .failed, now: Self.start)
        }
        put(1, extent: 11)
        _ = turn()
        let later = Self.start.advanced(by: .milliseconds(500))
        table.tick(now: later)
        #expect(turn(at: later).sent.isEmpty)
        let rest = receive([.done(operation: 1, .committed(version(2)), publishes: true)], at: later).rest
        #expect(rest.contains(.answerGet(WaiterID(1), .value(copy(11, 2), isPublished: true))))
    }

    @Test("an invalidation is confirmed in its turn, after the fence; a restore brings the copy back")
    func invalidation() {
        put(1, extent: 10)
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
        let cause = OperationReference(owner: OwnerID(2), generation: Generation(1), number: 1)
        #expect(receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: cause))]).sent == [.confirm(upTo: 1)])
        #expect(!table.store.hasInvisibleRetirements)
        #expect(table.store.find(key) == nil)
        _ = receive([.restore(key, version(1))])
        #expect(table.store.find(key) == copy(10, 1))
    }

    @Test("P5, C2: a commit that waited for a report parks its copy before the fence, for it leaves with the report's last page")
    func fenceBehindTheReport() {
        put(1, extent: 10)
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
        table.connected(now: Self.start)
        let welcome = LinkWelcome(owner: OwnerID(1), generation: Generation(1), isResumed: false, received: 0, keepsNothing: false)
        table.received(MasterFrame(term: 3, session: 2, control: .welcome(welcome)), now: Self.start)
        put(2, extent: 11)
        let sent = turn().sent
        #expect(sent.contains { if case .report = $0 { true } else { false } })
        #expect(sent.contains { if case .commit = $0 { true } else { false } })
        #expect(table.store.find(key) == nil)
        #expect(!table.store.hasInvisibleRetirements)
    }

    @Test("a done that comes after the lease waits for the next grant")
    func doneWithoutValidity() {
        put(1, extent: 10)
        let late = Self.start.advanced(by: .seconds(3))
        #expect(receive([.done(operation: 1, .committed(version(1)), publishes: true)], at: late).rest.isEmpty)
        grant(at: late)
        #expect(turn(at: late).rest == [.answerCommit(token(1), .committed(version(1)))])
    }

    @Test("concurrent misses are one lookup and one transfer")
    func collapsed() {
        get(1)
        get(2)
        #expect(turn().sent == [.lookup(LinkLookup(lookup: 1, key: key, wants: .copy))])
        let found = FoundCopy(version: version(1), byteCount: 8, holders: [OwnerID(2)], isRegistered: true)
        let request = FetchRequest(fetch: FetchID(1), key: key, version: version(1), byteCount: 8, holders: [OwnerID(2)])
        #expect(receive([.found(LookupAnswer(lookup: 1, content: .copy(found)))]).rest == [.startFetch(request)])
        get(3)
        table.store.retain(20)
        table.fetched(FetchID(1), request, .arrived(extent: 20, flags: 0), now: Self.start)
        let answers: [ReplicaEffect<Int>] = [1, 2, 3].map { .answerGet(WaiterID($0), .value(copy(20, 1), isPublished: true)) }
        #expect(turn().rest == answers)
        #expect(table.store.find(key) == copy(20, 1))
    }

    @Test("a detached fetch serves who joined before, and nobody else; it ends with a drop")
    func detached() {
        get(1)
        let found = FoundCopy(version: version(1), byteCount: 8, holders: [OwnerID(2)], isRegistered: true)
        let request = FetchRequest(fetch: FetchID(1), key: key, version: version(1), byteCount: 8, holders: [OwnerID(2)])
        _ = receive([.found(LookupAnswer(lookup: 1, content: .copy(found)))])
        let cause = OperationReference(owner: OwnerID(2), generation: Generation(1), number: 1)
        _ = receive([.invalidate(Invalidation(number: 1, key: key, upTo: version(9), cause: cause))])
        table.store.retain(20)
        table.fetched(FetchID(1), request, .arrived(extent: 20, flags: 0), now: Self.start)
        let (sent, rest) = turn()
        #expect(rest == [.answerGet(WaiterID(1), .value(copy(20, 1), isPublished: false))])
        #expect(sent == [.drop(key, version(1))])
        #expect(table.store.find(key) == nil)
    }

    @Test("an absence serves only gets that began before its lookup was sent; later ones look up again")
    func absence() {
        get(1)
        _ = turn()
        get(2)
        let (sent, rest) = receive([.found(LookupAnswer(lookup: 1, content: .absent))])
        #expect(rest == [.answerGet(WaiterID(1), .absent)])
        #expect(sent == [.lookup(LinkLookup(lookup: 2, key: key, wants: .copy))])
    }

    @Test("what was answered leaves nothing behind, deadlines included")
    func nothingStays() {
        for round in 1...2000 {
            put(UInt64(round), extent: round)
            _ = receive([.done(operation: UInt64(round), .committed(version(UInt64(round))), publishes: true)])
        }
        #expect(table.pendingTimerCount < 300)
        #expect(table.commitsInFlight.isEmpty)
    }

    @Test("at the deadline: unknown for what was sent, notCurrent for a copy without validity, unavailable for a lookup without answer")
    func deadlines() {
        get(1)
        _ = turn()
        table.tick(now: Self.deadline)
        #expect(turn(at: Self.deadline).rest == [.answerGet(WaiterID(1), .failed(.unavailable))])
        put(1, extent: 10)
        _ = turn()
        table.tick(now: Self.deadline)
        #expect(turn(at: Self.deadline).rest == [.answerCommit(token(1), .failed(.unknownOutcome))])
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
        let late = Self.start.advanced(by: .seconds(4))
        table.get(GetRequest(waiter: WaiterID(2), key: key, deadline: late.advanced(by: .seconds(1))), now: late)
        table.get(
            GetRequest(waiter: WaiterID(3), key: key, consistency: .local, deadline: late.advanced(by: .seconds(1))), now: late)
        table.tick(now: late.advanced(by: .seconds(1)))
        #expect(
            turn(at: late).rest == [
                .answerGet(WaiterID(3), .value(copy(10, 1), isPublished: true)), .answerGet(WaiterID(2), .failed(.notCurrent)),
            ])
    }

    @Test("an owner that is not believed keeps nothing, and says that its operations are unknown")
    func notBelieved() {
        put(1, extent: 10)
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
        put(2, extent: 11)
        _ = turn()
        enter(term: 4, session: 1, keepsNothing: true)
        let (sent, rest) = turn()
        #expect(sent == [.report(ReportPage(entries: [], pending: [], isLast: true))])
        #expect(rest.contains(.answerCommit(token(2), .failed(.unknownOutcome))))
        #expect(table.store.references.isEmpty)
    }

    @Test("a frame of an older term or another session is not obeyed")
    func foreignFrames() {
        put(1, extent: 10)
        _ = turn()
        for (term, session) in [(2, 1), (3, 2)] as [(UInt64, UInt64)] {
            var frame = MasterFrame(term: term, session: session)
            frame.first = 1
            frame.messages = [.done(operation: 1, .committed(version(1)), publishes: true)]
            table.received(frame, now: Self.start)
        }
        #expect(turn().rest.isEmpty)
    }
}
