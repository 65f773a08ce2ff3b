import FluxonCore
import FluxonMaster
import Testing

/// Owners that have seen what the master's etcd does not know (decision 0040).
@Suite struct RoutingHistoryTests {
    private static let start = BootInstant(nanoseconds: 1_000_000_000_000)
    private static let lostTerm: UInt64 = 9 << 20 | 4711
    private var table: RoutingTable
    private var connections: UInt64 = 0

    init() { table = Self.table(roster: []) }

    private static func table(roster: [(InstanceKey, RosterEntry)], terms: [TermHistory.Term] = []) -> RoutingTable {
        let timing = ProtocolTiming()
        var history = TermHistory(terms: terms)
        let term = history.next(above: 0, random: 1)
        history.append(term)
        return RoutingTable(
            cluster: "c", authority: Authority(term: term, electionSent: start, timing: timing), electedAt: start, timing: timing,
            roster: roster, history: history)
    }

    private static func at(_ milliseconds: Int) -> BootInstant { start.advanced(by: .milliseconds(milliseconds)) }

    private static func owner(_ number: UInt32, term: UInt64 = lostTerm, writes: UInt64? = nil, owners: UInt64 = 2) -> LinkHello {
        var hello = LinkHello(cluster: "c", instance: InstanceKey("owner-\(number)"), life: UInt64(number) * 11)
        hello.owner = OwnerID(number)
        hello.generation = Generation(UInt64(number))
        hello.term = term
        hello.mark = writes.map { HistoryMark(term: term, writes: $0, owners: owners) }
        return hello
    }

    /// What the master answers to one hello at once.
    private mutating func knock(_ hello: LinkHello, at now: BootInstant) -> LinkRefusal.Reason? {
        connections += 1
        table.received(OwnerFrame(term: hello.term, session: 0, control: .hello(hello)), on: ConnectionID(connections), now: now)
        table.flush(now: now)
        for case .send(_, let frame) in table.takeEffects() {
            if case .refused(let refusal) = frame.control { return refusal.reason }
        }
        return nil
    }

    /// Two owners knock, etcd confirms this master after that, and they knock again.
    private mutating func loseHistory(_ hellos: [LinkHello]) {
        for hello in hellos { #expect(knock(hello, at: Self.at(0)) == .oldTerm) }
        table.authority.confirmed(sending: Self.at(100))
        for hello in hellos { #expect(knock(hello, at: Self.at(200)) == .unknownHistory) }
    }

    @Test("a master that may have been deposed asks etcd before it takes an owner's higher term for a lost history")
    mutating func doubted() {
        #expect(knock(Self.owner(1, writes: 4), at: Self.at(0)) == .oldTerm)
        #expect(!table.isHistoryLost && table.mayAct(now: Self.at(1)))
    }

    @Test("once etcd confirms the master, it acts no more until the history is recovered or the owner comes no more")
    mutating func lost() {
        loseHistory([Self.owner(1, writes: 4)])
        #expect(table.isHistoryLost && !table.mayAct(now: Self.at(300)))
        #expect(table.strangerNames == ["owner-1"])
        table.authority.confirmed(sending: Self.at(30_000))
        table.tick(now: Self.at(30_300))
        #expect(!table.isHistoryLost && table.mayAct(now: Self.at(30_301)))
    }

    @Test("an owner that waits for the recovery is expected between its knocks, and no more when it has not come for long enough")
    mutating func expected() {
        #expect(!table.expects(InstanceKey("owner-1")))
        loseHistory([Self.owner(1, writes: 4)])
        #expect(table.expects(InstanceKey("owner-1")))
        table.tick(now: Self.at(30_300))
        #expect(!table.expects(InstanceKey("owner-1")))
    }

    @Test("a stranger that is started again has seen nothing, and is taken")
    mutating func startedAgain() {
        loseHistory([Self.owner(1, writes: 4)])
        #expect(knock(LinkHello(cluster: "c", instance: InstanceKey("owner-1"), life: 99), at: Self.at(300)) == nil)
        #expect(!table.isHistoryLost)
    }

    @Test("an owner that has seen more of a term than etcd knows is a stranger: its roster writes are lost")
    mutating func rolledBack() {
        table = Self.table(roster: [], terms: [.init(number: Self.lostTerm, writes: 3)])
        #expect(knock(Self.owner(1, writes: 3), at: Self.at(0)) == nil)
        #expect(knock(Self.owner(2, writes: 4), at: Self.at(0)) == .oldTerm)
    }

    @Test("recovered are the owners that saw the last change of the roster, under their numbers; all others keep nothing")
    mutating func plan() throws {
        let bystander = RosterEntry(owner: OwnerID(1), generation: Generation(1), state: .in, life: 5)
        table = Self.table(roster: [(InstanceKey("bystander"), bystander)])
        loseHistory([Self.owner(1, writes: 4), Self.owner(2, writes: 4), Self.owner(3, writes: 3, owners: 3)])
        let plan = try #require(table.recovery())
        #expect(plan.entries[InstanceKey("owner-1")] == RosterEntry(owner: OwnerID(1), generation: Generation(1), state: .in, life: 11))
        #expect(plan.entries[InstanceKey("owner-2")] == RosterEntry(owner: OwnerID(2), generation: Generation(2), state: .in, life: 22))
        #expect(plan.entries[InstanceKey("owner-3")]?.state == .bypassed(term: table.term))
        let moved = try #require(plan.entries[InstanceKey("bystander")])
        #expect(moved.state == .bypassed(term: table.term) && moved.owner.number > 3, "its number is owner-1's")
        #expect(plan.answer.missing == 0 && plan.answer.owners.map(\.isKept) == [true, true, false])
        var adopted = table.term == 0 ? TermHistory() : TermHistory(terms: [.init(number: table.term)])
        adopted.adopt(plan.terms)
        #expect(adopted.knows(HistoryMark(term: Self.lostTerm, writes: 4, owners: 2)))
        #expect(adopted.next(above: 0, random: 0) > Self.lostTerm)
    }

    @Test("who had a part in the last known state and is not here is counted")
    mutating func missing() throws {
        loseHistory([Self.owner(1, writes: 4, owners: 3)])
        #expect(try #require(table.recovery()).answer.missing == 2)
    }

    @Test("an owner is told of the history only behind what is in etcd, and once on each connection")
    mutating func told() {
        let hello = LinkHello(cluster: "c", instance: InstanceKey("owner-1"), life: 1)
        table.received(OwnerFrame(term: 0, session: 0, control: .hello(hello)), on: ConnectionID(1), now: Self.start)
        for case .writeRoster(let instance, let entry) in table.takeEffects() {
            table.rosterWritten(instance, entry, now: Self.start)
        }
        table.flush(now: Self.start)
        var marks: [HistoryMark?] = []
        func frames() { for case .send(_, let frame) in table.takeEffects() { marks.append(frame.mark) } }
        frames()
        var report = OwnerFrame(term: table.term, session: 1, control: .heartbeat(sentAt: Self.start))
        report.first = 1
        report.messages = [.report(ReportPage(entries: [], pending: [], isLast: true))]
        table.received(report, on: ConnectionID(1), now: Self.start)
        table.flush(now: Self.start)
        frames()
        table.received(
            OwnerFrame(term: table.term, session: 1, control: .heartbeat(sentAt: Self.start)), on: ConnectionID(1), now: Self.start)
        table.flush(now: Self.start)
        frames()
        #expect(marks == [nil, HistoryMark(term: table.term, writes: 1, owners: 1), nil])
    }
}
