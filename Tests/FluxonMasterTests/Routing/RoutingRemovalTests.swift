import FluxonCore
import FluxonMaster
import Testing

/// M4, R4, R9 and K2–K4: the removal behind the last copy is an operation of the master's own, and nothing completes before copies that
/// a term to come might believe are gone (decision 0030).
@Suite struct RoutingRemovalTests {
    private var cluster = ScriptedCluster(roster: [.in, .in, .in, .in])
    private let key: Key
    private let old = ScriptedCluster.version(9, term: 2)
    private let absent: [MasterMessage] = [.found(LookupAnswer(lookup: 7, content: .absent))]

    init() throws { key = try Key("key") }

    private func version(_ sequence: UInt64) -> Version { ScriptedCluster.version(sequence) }
    private func cause(_ owner: UInt32, _ operation: UInt64) -> OperationReference { ScriptedCluster.cause(owner, operation) }
    private func goes(_ number: UInt64) -> [MasterMessage] {
        [.invalidate(Invalidation(number: number, key: key, upTo: old, cause: nil))]
    }
    private var lookup: OwnerMessage { .lookup(LinkLookup(lookup: 7, key: key, wants: .copy)) }
    private var isRemoved: Bool { cluster.notes.contains(.removed(key, version(1), .evicted)) }

    private mutating func reports(_ owner: UInt32, _ entries: [ReportEntry] = [], pending: [LinkCommit] = []) -> [UInt32: [MasterMessage]] {
        cluster.connect(owner)
        return cluster.report(owner, entries, pending: pending)
    }

    /// Owner 1 has the key live, owner 2 parked it for a put of owner 3, and owner 3 is silent and bypassed by this term.
    private mutating func openWithoutOwner3(pendingOf4: [LinkCommit] = []) {
        _ = reports(1, [.live(key, old)])
        _ = reports(2, [.parked(key, old, by: cause(3, 7))])
        _ = reports(4, pending: pendingOf4)
        _ = cluster.pass(ProtocolTiming().newMasterWait + .seconds(1))
        _ = cluster.answerWrites()
        #expect(cluster.table.isOpen)
    }

    @Test("K2: the last drop removes the key when the parked copy is gone whose cause may yet be reported; until then nobody hears of it")
    mutating func lastDropWaitsForClaims() {
        openWithoutOwner3()
        #expect(cluster.send(1, [.drop(key, old)]) == [2: goes(1)])
        #expect(cluster.send(4, [lookup]).isEmpty)
        #expect(!isRemoved)
        // The cause comes back meanwhile; a removal is never taken back (K3), and the put waits behind it.
        #expect(reports(3, pending: [.put(7, key, .absent)]).isEmpty)
        #expect(cluster.answerWrites().isEmpty)
        let sent = cluster.send(2, [.confirm(upTo: 1)])
        #expect(isRemoved)
        #expect(sent[4] == absent)
        #expect(sent[3] == [.done(operation: 7, .committed(version(2)), publishes: true)])
        #expect(cluster.table.inconsistency == nil)
    }

    @Test("K2: an owner that does not confirm is bypassed, then the removal goes on (L3 + G2)")
    mutating func lastDropGoesOnWithoutSilentOwner() {
        openWithoutOwner3()
        _ = cluster.send(1, [.drop(key, old)])
        _ = cluster.pass(ProtocolTiming().confirmationWait + .seconds(1))
        #expect(cluster.written(2) == .bypassed(term: 3))
        #expect(!isRemoved)
        _ = cluster.answerWrites()
        #expect(isRemoved)
    }

    @Test("K2: a copy that an operation dropped which came to nothing is waited for, too")
    mutating func dropOfAbortedOperation() {
        openWithoutOwner3()
        #expect(cluster.send(4, [.commit(.put(1, key))])[2] == goes(1))
        cluster.connect(4, life: 99, fenced: 1)
        _ = cluster.answerWrites()
        #expect(cluster.send(1, [.drop(key, old)]) == [2: goes(2)])
        _ = cluster.send(2, [.confirm(upTo: 1)])
        #expect(!isRemoved)
        _ = cluster.send(2, [.confirm(upTo: 2)])
        #expect(isRemoved)
    }

    @Test("K2: a copy is not forgotten because the session is over that reported it", arguments: [false, true])
    mutating func claimOfAnEndedSession(hasReportedAgain: Bool) {
        openWithoutOwner3()
        cluster.connect(2)
        if hasReportedAgain { _ = cluster.report(2, [.parked(key, old, by: cause(3, 7))]) }
        let sent = cluster.send(1, [.drop(key, old)])[2]
        // What a second report names in the table's version is a holder's (R3).
        #expect(sent == (hasReportedAgain ? nil : goes(1)))
        #expect(!isRemoved)
        #expect(cluster.table.placement(of: key)?.holders == (hasReportedAgain ? [OwnerID(2)] : []))
    }

    @Test("K3: a copy that comes back while the removal waits goes with it, confirmed, and is parked for nobody")
    mutating func copyComesBack() {
        openWithoutOwner3()
        _ = cluster.send(1, [.drop(key, old)])
        #expect(reports(3, [.live(key, old)])[3] == goes(1))
        _ = cluster.send(2, [.confirm(upTo: 1)])
        #expect(!isRemoved)
        _ = cluster.send(3, [.confirm(upTo: 1)])
        #expect(isRemoved)
    }

    @Test("R9: a parked copy that is reported while an operation on it is prepared is a holder's: invalidated, and waited for")
    mutating func parkedUnderPrepared() {
        _ = reports(1, [.parked(key, old, by: cause(1, 7))], pending: [.remove(7, key)])
        _ = reports(3, [.live(key, old)])
        _ = reports(4)
        _ = cluster.pass(ProtocolTiming().newMasterWait + .seconds(1))
        let parked: [MasterMessage] = [.invalidate(Invalidation(number: 1, key: key, upTo: old, cause: cause(1, 7)))]
        #expect(cluster.answerWrites()[3] == parked)
        #expect(reports(2, [.parked(key, old, by: cause(1, 7))])[2] == parked)
        #expect(cluster.send(3, [.confirm(upTo: 1)])[1] == nil)
        #expect(cluster.send(2, [.confirm(upTo: 1)])[1] == [.done(operation: 7, .committed(version(1)), publishes: true)])
    }

    @Test("M4: without claims the last drop removes the key in its own turn, and no trace is left")
    mutating func lastDrop() {
        _ = reports(1, [.live(key, old)])
        for owner in 2...4 as ClosedRange<UInt32> { _ = reports(owner) }
        _ = cluster.send(1, [.drop(key, old)])
        #expect(isRemoved)
        #expect(cluster.table.runningOperationCount == 0)
        #expect(cluster.send(4, [lookup])[4] == absent)
    }
}
