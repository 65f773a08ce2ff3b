import FluxonCore
import FluxonMaster
import Testing

/// What concerns many keys is done in pieces, a bounded one in each turn, and nobody sees the difference.
@Suite struct RoutingWorkTests {
    private static let keys = 500
    /// Of which handling a key takes sixteen: twenty keys.
    private static let steps = 320
    private static let keysPerTurn = 20

    private var cluster = ScriptedCluster(roster: [.in, .in, .in])

    init() {
        for owner in UInt32(1)...3 { cluster.connect(owner) }
        let entries = (0..<Self.keys).map { ReportEntry.live(Self.key($0), ScriptedCluster.version(UInt64($0) + 1, term: 2)) }
        _ = cluster.report(1, entries)
        for owner in UInt32(2)...3 { _ = cluster.report(owner) }
        cluster.limitTurns(toSteps: Self.steps)
    }

    private static func key(_ number: Int) -> Key {
        guard let key = try? Key("key-\(number)") else { preconditionFailure("\(number) makes no key") }
        return key
    }

    private var removed: [RoutingNote] { cluster.notes.filter { if case .removed = $0 { true } else { false } } }

    private static func lookup(_ number: UInt64, _ key: Int) -> OwnerMessage {
        .lookup(LinkLookup(lookup: number, key: Self.key(key), wants: .copy))
    }

    private static func absent(_ number: UInt64) -> MasterMessage { .found(LookupAnswer(lookup: number, content: .absent)) }

    /// Owner 1 falls silent until it is declared lost; etcd has that written.
    private mutating func loseOwner1() {
        cluster.disconnect(1)
        for _ in 0..<32 where cluster.written(1) != .lost {
            _ = cluster.send(2, heartbeat: true)
            _ = cluster.send(3, heartbeat: true)
            _ = cluster.pass(.seconds(1))
        }
        #expect(cluster.written(1) == .lost)
    }

    /// Turns until nothing is left; the most keys that went in one.
    private mutating func workOff() -> Int {
        var most = 0
        while cluster.table.hasWork {
            let before = removed.count
            _ = cluster.turn()
            most = max(most, removed.count - before)
            #expect(cluster.table.inconsistency == nil)
        }
        return most
    }

    @Test("the keys of a lost owner go a bounded number a turn, each once, and the timer asks for the next turn until none is left")
    mutating func loss() {
        loseOwner1()
        _ = cluster.answerWrites()
        #expect(removed.count <= Self.keysPerTurn)
        #expect(cluster.table.nextTimer <= cluster.now)
        #expect(workOff() <= Self.keysPerTurn)
        #expect(removed.count == Self.keys && cluster.table.keyCount == 0)
        #expect(cluster.table.nextTimer > cluster.now)
    }

    @Test("a grant waits for no more than the piece of its own turn")
    mutating func grants() {
        loseOwner1()
        _ = cluster.answerWrites()
        let before = cluster.grants[2]
        _ = cluster.pass(.milliseconds(1))
        let left = cluster.table.keyCount
        _ = cluster.send(2, heartbeat: true)
        #expect(cluster.grants[2] != before)
        #expect(cluster.table.keyCount >= left - Self.keysPerTurn && cluster.table.keyCount > 0)
    }

    @Test("R4: a key that no turn has come to yet is as lost as the others: absent when it is looked up, and for a condition")
    mutating func settled() {
        loseOwner1()
        _ = cluster.answerWrites()
        let last = Self.keys - 1
        #expect(cluster.table.placement(of: Self.key(last)) != nil)
        #expect(cluster.send(2, [Self.lookup(1, last)])[2] == [Self.absent(1)])
        let sent = cluster.send(3, [.commit(.put(1, Self.key(last - 1), .absent))])[3] ?? []
        guard case .done(1, .committed, true, false)? = sent.first else {
            Issue.record("the key counted as present: \(sent)")
            return
        }
    }

    @Test("what an owner gets while its losses are worked off stays its own")
    mutating func registeredMeanwhile() {
        loseOwner1()
        _ = cluster.answerWrites()
        // Another process takes the name, and puts one of the keys again before a turn has come to it.
        cluster.connect(1, life: 9)
        _ = cluster.answerWrites()
        _ = cluster.report(1)
        let last = Self.keys - 1
        _ = cluster.send(1, [.commit(.put(1, Self.key(last)))])
        _ = cluster.send(1, [.taken(operation: 1)])
        _ = workOff()
        #expect(cluster.table.keyCount == 1)
        #expect(cluster.table.placement(of: Self.key(last))?.holders == [OwnerID(1)])
    }

    @Test("0043: a lost owner's number is given to nobody before it is taken out of the last holder set")
    mutating func numberKept() {
        cluster.keepLostOwners(0)
        loseOwner1()
        _ = cluster.answerWrites()
        #expect(cluster.table.keyCount > 0)
        cluster.connect(4)
        #expect(cluster.writes.map(\.entry.owner) == [OwnerID(4)])
        _ = cluster.answerWrites()
        _ = workOff()
        #expect(cluster.table.keyCount == 0)
        cluster.connect(5)
        #expect(cluster.writes.map(\.entry.owner) == [OwnerID(1)])
        _ = cluster.answerWrites()
        #expect(cluster.table.inconsistency == nil)
    }

    @Test("C3: a commit that waits for its owner to be in begins when etcd has that, and not for what concerns others")
    mutating func waitsForRoster() {
        cluster = ScriptedCluster(roster: [.in, .bypassed(term: 2)])
        cluster.connect(1)
        _ = cluster.report(1)
        cluster.connect(2)
        _ = cluster.report(2, pending: [.put(1, Self.key(0))])
        #expect(cluster.table.isOpen)
        #expect(cluster.table.runningOperationCount == 0)
        _ = cluster.send(2)
        #expect(cluster.written(2) == .in)
        _ = cluster.answerWrites()
        #expect(cluster.table.runningOperationCount == 1)
    }

    @Test("R3: what a repeated report does not name goes a bounded number a turn, and what it names stays")
    mutating func unreported() {
        cluster.connect(1)
        let named = (0..<10).map { ReportEntry.live(Self.key($0 * 50), ScriptedCluster.version(UInt64($0 * 50) + 1, term: 2)) }
        _ = cluster.report(1, named)
        #expect(removed.count <= Self.keysPerTurn)
        #expect(workOff() <= Self.keysPerTurn)
        #expect(cluster.table.keyCount == named.count && removed.count == Self.keys - named.count)
    }

    @Test("who comes back wakes the lookups that wait for it, not those that wait for others")
    mutating func stalled() {
        // Owner 2 has one key more than owner 1 has many.
        let extra = Self.key(Self.keys)
        _ = cluster.send(2, [.commit(.put(1, extra)), .taken(operation: 1)])
        cluster.disconnect(1)
        cluster.disconnect(2)
        for number in 0..<Self.keys { _ = cluster.send(3, [Self.lookup(UInt64(number), number)]) }
        #expect(cluster.send(3, [Self.lookup(9_999, Self.keys)]).isEmpty)
        cluster.limitTurns(toSteps: 1)
        cluster.connect(2)
        let sent = cluster.report(2, [.live(extra, ScriptedCluster.version(1))])[3] ?? []
        #expect(sent.count == 1, "the one key that this turn had time for was another owner's")
        cluster.limitTurns(toSteps: Self.steps)
        cluster.connect(1)
        let entries = (0..<Self.keys).map { ReportEntry.live(Self.key($0), ScriptedCluster.version(UInt64($0) + 1, term: 2)) }
        let answered = (cluster.report(1, entries)[3] ?? []).count
        #expect(answered == Self.keys)
    }

    @Test("I9: what nobody reported is not absent before every commit that waited for R8 has begun")
    mutating func absenceBehindCommits() {
        cluster = ScriptedCluster(roster: [.in, .in])
        cluster.limitTurns(toSteps: Self.steps)
        cluster.connect(1)
        cluster.connect(2)
        _ = cluster.report(1, pending: (0..<Self.keys).map { .put(UInt64($0) + 1, Self.key($0)) })
        // The last commit's key, and one of which nobody knows.
        var sent = cluster.report(2)[2] ?? []
        sent += cluster.send(2, [Self.lookup(1, Self.keys - 1), Self.lookup(2, Self.keys)])[2] ?? []
        #expect(cluster.table.isOpen && !cluster.table.isComplete)
        #expect(sent.isEmpty, "absent is said of what a pending commit may have made")
        while cluster.table.hasWork { sent += cluster.turn()[2] ?? [] }
        #expect(cluster.table.isComplete)
        #expect(sent == [Self.absent(2)])
    }

    @Test("many commits that wait for R8 begin a bounded number a turn")
    mutating func opening() {
        cluster = ScriptedCluster(roster: [.in, .in])
        cluster.limitTurns(toSteps: Self.steps)
        cluster.connect(1)
        _ = cluster.report(1)
        let commits = (0..<Self.keys).map { OwnerMessage.commit(.put(UInt64($0) + 1, Self.key($0))) }
        #expect(cluster.send(1, commits).isEmpty)
        cluster.connect(2)
        var done = [(cluster.report(2)[1] ?? []).count]
        while cluster.table.hasWork { done.append((cluster.turn()[1] ?? []).count) }
        #expect(done.reduce(0, +) == Self.keys)
        #expect(done.allSatisfy { $0 <= Self.keysPerTurn })
    }
}
