import FluxonCore
import FluxonMaster
import Testing

/// R1 and R4–R10: a new master among owners that another one led before.
@Suite struct RoutingFailoverTests {
    private var cluster = ScriptedCluster(roster: [.in, .in, .in])
    private let key: Key
    private let old = ScriptedCluster.version(9, term: 2)

    init() throws { key = try Key("key") }

    private func version(_ sequence: UInt64) -> Version { ScriptedCluster.version(sequence) }
    private func cause(_ owner: UInt32, _ operation: UInt64) -> OperationReference { ScriptedCluster.cause(owner, operation) }
    private func found(_ content: LookupAnswer.Content) -> [MasterMessage] { [.found(LookupAnswer(lookup: 1, content: content))] }
    private var lookup: OwnerMessage { .lookup(LinkLookup(lookup: 1, key: key, wants: .metadata)) }

    private mutating func reports(_ owner: UInt32, _ entries: [ReportEntry] = [], pending: [LinkCommit] = []) -> [UInt32: [MasterMessage]] {
        cluster.connect(owner)
        return cluster.report(owner, entries, pending: pending)
    }

    /// Owner 3 does not come: the master goes on without it.
    private mutating func goOnWithoutOwner3() -> [UInt32: [MasterMessage]] {
        _ = cluster.pass(ProtocolTiming().newMasterWait + .seconds(1))
        #expect(cluster.written(3) == .bypassed(term: 3))
        return cluster.answerWrites()
    }

    @Test("R5: an owner's lease counts from its report: what it must confirm is waited for W from there")
    mutating func leaseFromReport() {
        _ = reports(2)
        _ = reports(3)
        _ = cluster.pass(.seconds(2))
        let reported = cluster.now
        _ = reports(1, [.live(key, old)])
        _ = cluster.send(2, [.commit(.put(1, key))])
        let due = reported.advanced(by: ProtocolTiming().confirmationWait)
        #expect(cluster.table.nextTimer > due)
        #expect(cluster.table.nextTimer <= due.advanced(by: .seconds(1)))
    }

    @Test(
        "R6: an owner that an earlier term bypassed, or that was lost, keeps nothing; one of this term and one that is in keep theirs",
        arguments: [(RosterEntry.State.in, false), (.bypassed(term: 2), true), (.lost, true), (.bypassed(term: 3), false)])
    mutating func believed(state: RosterEntry.State, keepsNothing: Bool) {
        if state == .bypassed(term: 3) {
            _ = reports(1)
            _ = reports(2)
            _ = goOnWithoutOwner3()
        } else {
            cluster = ScriptedCluster(roster: [.in, .in, state])
        }
        cluster.connect(3)
        #expect(cluster.welcomes[3]?.keepsNothing == keepsNothing)
    }

    @Test("R7: what a trusted owner reports live may be read at once; what nobody reported may exist until all have reported")
    mutating func readAtOnce() throws {
        let unknown = try Key("unknown")
        _ = reports(2)
        _ = cluster.send(2, [lookup])
        #expect(reports(1, [.live(key, old)])[2] == found(.metadata(old, byteCount: 10)))
        #expect(cluster.send(2, [.lookup(LinkLookup(lookup: 1, key: unknown, wants: .metadata))])[2] == nil)
        #expect(reports(3)[2] == found(.absent))
    }

    @Test("R7: a condition on a key that nobody reported waits until all have; then it meets absence")
    mutating func conditionWaits() {
        _ = reports(1)
        _ = reports(2)
        #expect(goOnWithoutOwner3().isEmpty)
        #expect(cluster.send(1, [.commit(.put(1, key, .present))])[1] == nil)
        cluster.connect(3)
        #expect(cluster.report(3)[1] == [.done(operation: 1, .conditionFailed(nil), publishes: false)])
    }

    @Test("R8: a commit completes when W₀ has passed and the roster says that the missing are bypassed, not before")
    mutating func missingOwner() {
        _ = reports(1)
        _ = reports(2)
        #expect(cluster.send(1, [.commit(.put(1, key))])[1] == nil)
        #expect(cluster.pass(ProtocolTiming().newMasterWait)[1] == nil)
        #expect(!cluster.table.isOpen)
        _ = cluster.pass(.seconds(1))
        #expect(!cluster.table.isOpen)
        #expect(cluster.answerWrites()[1] == [.done(operation: 1, .committed(version(1)), publishes: true)])
        #expect(!cluster.table.isComplete)
    }

    @Test("R9: a pending commit is decided anew, over the copy that it parked; its condition finds that copy")
    mutating func decidedAnew() {
        let entries = [ReportEntry.parked(key, old, by: cause(1, 7))]
        _ = reports(1, entries, pending: [.put(7, key, .version(old))])
        _ = reports(2)
        #expect(reports(3)[1] == [.done(operation: 7, .committed(version(1)), publishes: true)])
    }

    @Test("R9: a copy that another owner parked for a pending commit is current: invalidated when that is prepared, restored when it fails")
    mutating func parkedElsewhere() {
        _ = reports(1, pending: [.put(7, key, .absent)])
        _ = reports(2, [.parked(key, old, by: cause(1, 7))])
        let sent = reports(3)
        #expect(sent[1] == [.done(operation: 7, .conditionFailed(old), publishes: false)])
        #expect(sent[2] == [.restore(key, old)])
        #expect(cluster.table.placement(of: key)?.holders == [OwnerID(2)])
    }

    @Test("R9: … invalidated when it is prepared")
    mutating func parkedElsewhereInvalidated() {
        _ = reports(1, pending: [.put(7, key)])
        _ = reports(2, [.parked(key, old, by: cause(1, 7))])
        #expect(reports(3)[2] == [.invalidate(Invalidation(number: 1, key: key, upTo: old, cause: cause(1, 7)))])
        #expect(cluster.send(2, [.confirm(upTo: 1)])[1] == [.done(operation: 7, .committed(version(1)), publishes: true)])
    }

    @Test("R9: a parked copy whose cause nobody reports as pending is dropped: never back to an older version")
    mutating func neverFallBack() {
        _ = reports(1)
        _ = reports(2, [.parked(key, old, by: cause(1, 7))])
        #expect(reports(3)[2] == [.invalidate(Invalidation(number: 1, key: key, upTo: old, cause: nil))])
        #expect(cluster.send(1, [lookup])[1] == found(.absent))
    }

    @Test(
        "R9: it waits while its cause's owner, bypassed by this term alone, may still report; a commit meanwhile drops it, confirmed first")
    mutating func waitsForCause() {
        _ = reports(1)
        _ = reports(2, [.parked(key, old, by: cause(3, 7))])
        #expect(goOnWithoutOwner3().isEmpty)
        #expect(cluster.send(1, [.commit(.put(1, key))]) == [2: [.invalidate(Invalidation(number: 1, key: key, upTo: old, cause: nil))]])
        #expect(cluster.send(2, [.confirm(upTo: 1)])[1] == [.done(operation: 1, .committed(version(1)), publishes: true)])
        #expect(cluster.send(1, [.taken(operation: 1)])[2] == nil)
    }

    @Test("R9: … and is asked for again, as a drop, where the session ended before")
    mutating func dropsAgain() {
        _ = reports(1)
        _ = reports(2, [.parked(key, old, by: cause(3, 7))])
        _ = goOnWithoutOwner3()
        _ = cluster.send(1, [.commit(.put(1, key))])
        #expect(cluster.connect(2)[2] == [.invalidate(Invalidation(number: 1, key: key, upTo: old, cause: nil))])
        #expect(cluster.send(2, [.confirm(upTo: 1)])[1] == [.done(operation: 1, .committed(version(1)), publishes: true)])
    }

    @Test("R9: when a reported cause's owner dies before the decision, its commit failed: the copies come back")
    mutating func causeDies() {
        _ = reports(1, pending: [.put(7, key)])
        _ = reports(2, [.parked(key, old, by: cause(1, 7))])
        cluster.connect(1, life: 99, fenced: 1)
        _ = cluster.answerWrites()
        #expect(reports(3)[2] == [.restore(key, old)])
    }

    @Test("R7: an owner whose session ends before its parked copies are decided is waited for again", arguments: [false, true])
    mutating func sessionEndsUndecided(isNamedAgain: Bool) {
        let entries = [ReportEntry.parked(key, old, by: cause(1, 7))]
        _ = reports(1, entries, pending: [.put(7, key, .present)])
        _ = reports(2)
        cluster.connect(1)
        _ = reports(3)
        #expect(!cluster.table.isOpen)
        #expect(cluster.send(2, [lookup])[2] == nil)
        guard isNamedAgain else { return #expect(reports(1)[2] == found(.absent)) }
        let sent = cluster.report(1, entries, pending: [.put(7, key, .present)])[1]
        #expect(sent == [.done(operation: 7, .committed(version(1)), publishes: true)])
    }

    @Test("R1: another life of an owner is let in at once if it has fenced the one before, else when copies there are surely dead")
    mutating func newLife() {
        _ = reports(1, [.live(key, old)])
        _ = reports(2)
        _ = reports(3)
        cluster.connect(1, life: 99)
        #expect(cluster.refusals.last?.reason == .notYet)
        cluster.connect(1, life: 99, fenced: 1)
        #expect(cluster.written(1) == .in)
        _ = cluster.answerWrites()
        #expect(cluster.welcomes[1]?.generation == Generation(2))
        #expect(cluster.notes.contains(.removed(key, version(1), .lost)))
    }

    @Test("R4: a silent owner is lost after its time, in the roster first; then what it alone held is removed in order")
    mutating func lost() {
        _ = reports(1, [.live(key, old)])
        _ = reports(2)
        _ = reports(3)
        cluster.disconnect(1)
        for _ in 0..<31 {
            _ = cluster.send(2, heartbeat: true)
            _ = cluster.send(3, heartbeat: true)
            _ = cluster.pass(.seconds(1))
        }
        #expect(cluster.written(1) == .lost)
        #expect(cluster.table.placement(of: key) != nil)
        _ = cluster.answerWrites()
        #expect(cluster.notes.contains(.removed(key, version(1), .lost)))
    }

    @Test("R4: a commit of a lost owner that is back waits until it is in again; the key is open for others")
    func lostAgain() throws {
        var cluster = ScriptedCluster(roster: [.lost, .in])
        cluster.join(2)
        cluster.connect(1)
        // What it brings is taken from it; until it says that it knows, the roster says `lost`.
        _ = try cluster.report(1, [.live(Key("other"), old)], pending: [.put(7, key)])
        #expect(cluster.table.placement(of: key) == nil)
        _ = cluster.pass(.seconds(10))
        #expect(cluster.table.nextTimer > cluster.now)
        let done = MasterMessage.done(operation: 1, .committed(version(1)), publishes: true, isExposed: false)
        #expect(cluster.send(2, [.commit(.put(1, key)), .taken(operation: 1)])[2] == [done])
        #expect(cluster.send(1).isEmpty)
        #expect(cluster.written(1) == .in)
        let own = Invalidation(number: 1, key: key, upTo: version(1), cause: cause(1, 7))
        #expect(cluster.answerWrites()[2] == [.invalidate(own)])
    }

    @Test("R10: a lookup of a key whose holders cannot be reached waits; one by the only holder is told so, and its drop ends the key")
    mutating func aloneAndUnreachable() {
        _ = reports(1, [.live(key, old)])
        _ = reports(2)
        _ = reports(3)
        cluster.disconnect(1)
        let wanted = OwnerMessage.lookup(LinkLookup(lookup: 1, key: key, wants: .copy))
        #expect(cluster.send(2, [wanted])[2] == nil)
        #expect(reports(1)[2] == found(.absent))
    }

    @Test("M4a: before commits are open, an empty holder set makes a key unavailable, not absent")
    mutating func unavailable() {
        _ = reports(1, [.live(key, old)])
        _ = reports(2)
        _ = cluster.send(1, [.drop(key, old)])
        #expect(cluster.send(2, [lookup])[2] == nil)
        #expect(reports(3, [.live(key, old)])[2] == found(.metadata(old, byteCount: 10)))
    }
}
