import FluxonCore
import FluxonMaster
import Testing

/// Rules of one master that are plain to see on the messages; their interplay is the simulation's.
@Suite struct RoutingTableTests {
    private static let start = BootInstant(nanoseconds: 1_000_000_000_000)
    private var table: RoutingTable
    private let key: Key
    /// Next number of each owner's link, by connection.
    private var numbers: [UInt64: UInt64] = [:]

    init() throws {
        let timing = ProtocolTiming()
        let authority = Authority(term: 3, electionSent: Self.start, timing: timing)
        table = RoutingTable(cluster: "c", authority: authority, electedAt: Self.start, timing: timing, roster: [])
        key = try Key("key")
    }

    /// Lets an owner register, report nothing and begin its session.
    private mutating func join(_ number: UInt64) {
        let hello = LinkHello(cluster: "c", instance: InstanceKey("owner-\(number)"), life: number)
        table.received(OwnerFrame(term: 0, session: 0, control: .hello(hello)), on: ConnectionID(number), now: Self.start)
        for case .writeRoster(let instance, let entry) in table.takeEffects() {
            table.rosterWritten(instance, entry, now: Self.start)
        }
        _ = send(number, [.report(ReportPage(entries: [], pending: [], isLast: true))])
    }

    /// One frame of an owner, and everything that the master sends in that turn, by connection.
    private mutating func send(_ number: UInt64, _ messages: [OwnerMessage], at now: BootInstant = Self.start) -> [UInt64: [MasterMessage]]
    {
        var frame = OwnerFrame(term: 3, session: 1)
        frame.first = numbers[number, default: 1]
        frame.messages = messages
        numbers[number] = frame.first + UInt64(messages.count)
        table.received(frame, on: ConnectionID(number), now: now)
        return flush(at: now)
    }

    private mutating func flush(at now: BootInstant) -> [UInt64: [MasterMessage]] {
        table.workOff(now: now)
        table.flush(now: now)
        var sent: [UInt64: [MasterMessage]] = [:]
        for case .send(let connection, let frame) in table.takeEffects() where !frame.messages.isEmpty {
            sent[connection.number, default: []] += frame.messages
        }
        return sent
    }

    private func put(_ operation: UInt64, _ condition: CommitCondition = .none) -> OwnerMessage {
        .commit(LinkCommit(operation: operation, key: key, kind: .put, byteCount: 10, condition: condition))
    }

    private func version(_ sequence: UInt64) -> Version { Version(term: 3, sequence: sequence) }

    @Test("a put of a key that nobody else holds is answered in the turn that reads it")
    mutating func freshKey() {
        join(1)
        #expect(send(1, [put(1)]) == [1: [.done(operation: 1, .committed(version(1)), publishes: true)]])
        #expect(table.placement(of: key)?.holders == [OwnerID(1)])
    }

    @Test("each page of a report is acknowledged at once: the owner sends the next one only then")
    mutating func reportPages() throws {
        join(1)
        _ = send(1, [put(1)])
        let hello = LinkHello(cluster: "c", instance: InstanceKey("owner-2"), life: 2)
        table.received(OwnerFrame(term: 0, session: 0, control: .hello(hello)), on: ConnectionID(2), now: Self.start)
        for case .writeRoster(let instance, let entry) in table.takeEffects() { table.rosterWritten(instance, entry, now: Self.start) }
        _ = flush(at: Self.start)
        for number in UInt64(1)...20 {
            var frame = OwnerFrame(term: 3, session: 1)
            frame.first = number
            frame.messages = [.report(ReportPage(entries: [], pending: [], isLast: false))]
            table.received(frame, on: ConnectionID(2), now: Self.start)
            table.workOff(now: Self.start)
            table.flush(now: Self.start)
            let acknowledged = table.takeEffects().compactMap { effect in
                if case .send(ConnectionID(2), let frame) = effect { frame.acknowledged } else { nil }
            }
            #expect(acknowledged == [number])
        }
    }

    @Test("the heartbeat that comes with the last page of a report is granted in that turn: an owner is valid as soon as it is heard")
    mutating func firstGrant() {
        let hello = LinkHello(cluster: "c", instance: InstanceKey("owner-1"), life: 1)
        table.received(OwnerFrame(term: 0, session: 0, control: .hello(hello)), on: ConnectionID(1), now: Self.start)
        for case .writeRoster(let instance, let entry) in table.takeEffects() { table.rosterWritten(instance, entry, now: Self.start) }
        table.workOff(now: Self.start)
        table.flush(now: Self.start)
        _ = table.takeEffects()
        var frame = OwnerFrame(term: 3, session: 1, control: .heartbeat(sentAt: BootInstant(nanoseconds: 77)))
        frame.first = 1
        frame.messages = [.report(ReportPage(entries: [], pending: [], isLast: true))]
        table.received(frame, on: ConnectionID(1), now: Self.start)
        table.workOff(now: Self.start)
        table.flush(now: Self.start)
        let granted = table.takeEffects().compactMap { effect in
            if case .send(_, let frame) = effect, case .grant(let grant) = frame.control { grant.sentAt } else { nil }
        }
        #expect(granted == [BootInstant(nanoseconds: 77)])
    }

    @Test("a put of a key held elsewhere waits for the holder's confirmation; the holder learns when it is acknowledged")
    mutating func invalidation() {
        join(1)
        join(2)
        _ = send(1, [put(1)])
        _ = send(1, [.taken(operation: 1)])
        let cause = OperationReference(owner: OwnerID(2), generation: Generation(1), number: 1)
        #expect(send(2, [put(1)]) == [1: [.invalidate(Invalidation(number: 1, key: key, upTo: version(1), cause: cause))]])
        #expect(send(1, [.confirm(upTo: 1)])[2] == [.done(operation: 1, .committed(version(2)), publishes: true)])
        #expect(send(2, [.taken(operation: 1)])[1] == [.settled(1...1)])
        #expect(table.placement(of: key)?.holders == [OwnerID(2)])
    }

    @Test("a lookup waits until the committer has taken the outcome, then registers the asker")
    mutating func exposure() {
        join(1)
        join(2)
        _ = send(1, [put(1)])
        #expect(send(2, [.lookup(LinkLookup(lookup: 5, key: key, wants: .copy))])[2] == nil)
        let copy = FoundCopy(version: version(1), byteCount: 10, holders: [OwnerID(1)], isRegistered: true)
        #expect(send(1, [.taken(operation: 1)])[2] == [.found(LookupAnswer(lookup: 5, content: .copy(copy)))])
        #expect(table.placement(of: key)?.holders == [OwnerID(1), OwnerID(2)])
    }

    @Test("a condition that does not hold changes nothing and names the version that it met")
    mutating func condition() {
        join(1)
        _ = send(1, [put(1), .taken(operation: 1)])
        #expect(send(1, [put(2, .absent)])[1] == [.done(operation: 2, .conditionFailed(version(1)), publishes: false)])
        #expect(
            send(1, [.taken(operation: 2), put(3, .version(version(1)))])[1] == [
                .done(operation: 3, .committed(version(2)), publishes: true)
            ])
    }

    @Test("the drop of the last copy is an ordered removal; an old drop is none")
    mutating func eviction() {
        join(1)
        _ = send(1, [put(1), .taken(operation: 1), put(2), .taken(operation: 2)])
        _ = send(1, [.drop(key, version(1))])
        #expect(table.placement(of: key) != nil)
        _ = send(1, [.drop(key, version(2))])
        #expect(table.placement(of: key) == nil)
        #expect(send(1, [.lookup(LinkLookup(lookup: 1, key: key, wants: .copy))])[1] == [.found(LookupAnswer(lookup: 1, content: .absent))])
    }

    @Test("without authority nothing leaves; with it again everything does")
    mutating func authority() {
        join(1)
        let late = Self.start.advanced(by: .seconds(3))
        #expect(send(1, [put(1)], at: late).isEmpty)
        table.authority.confirmed(sending: late)
        #expect(flush(at: late)[1] == [.done(operation: 1, .committed(version(1)), publishes: true)])
    }

    @Test("a silent holder is bypassed after W, in the roster first")
    mutating func bypass() {
        join(1)
        join(2)
        _ = send(1, [put(1), .taken(operation: 1)])
        _ = send(2, [put(1)])
        let over = Self.start.advanced(by: ProtocolTiming().confirmationWait + .milliseconds(1))
        table.authority.confirmed(sending: over)
        #expect(table.nextTimer <= over)
        // The first tick after a long silence of the master's own loop judges nobody.
        table.tick(now: over)
        let later = over.advanced(by: .seconds(2))
        table.authority.confirmed(sending: later)
        table.tick(now: later)
        var isWritten = false
        for case .writeRoster(let instance, let entry) in table.takeEffects() where instance == InstanceKey("owner-1") {
            #expect(entry.state == .bypassed(term: 3))
            #expect(flush(at: later)[2] == nil)
            table.rosterWritten(instance, entry, now: later)
            isWritten = true
        }
        #expect(isWritten)
        #expect(flush(at: later)[2] == [.done(operation: 1, .committed(version(2)), publishes: true)])
    }

    @Test("a new master knows no absence before every owner of the roster has reported")
    mutating func unreported() throws {
        let entry = RosterEntry(owner: OwnerID(1), generation: Generation(1), state: .in, life: 1)
        let other = RosterEntry(owner: OwnerID(2), generation: Generation(1), state: .in, life: 2)
        let authority = Authority(term: 3, electionSent: Self.start, timing: ProtocolTiming())
        table = RoutingTable(
            cluster: "c", authority: authority, electedAt: Self.start, timing: ProtocolTiming(),
            roster: [(InstanceKey("owner-1"), entry), (InstanceKey("owner-2"), other)])
        join(1)
        #expect(!table.isOpen)
        #expect(send(1, [.lookup(LinkLookup(lookup: 1, key: key, wants: .copy)), put(1)])[1] == nil)
        join(2)
        #expect(table.isComplete)
        #expect(flush(at: Self.start).isEmpty)
        #expect(table.placement(of: key)?.version == version(1))
    }

    @Test(
        "an owner of another cluster, a newer term or an older generation is refused",
        arguments: [
            LinkRefusal.Reason.clusterMismatch, .oldTerm, .superseded,
        ])
    mutating func refusals(reason: LinkRefusal.Reason) {
        join(1)
        var hello = LinkHello(cluster: "c", instance: InstanceKey("owner-1"), life: 1)
        switch reason {
        case .clusterMismatch: hello.cluster = "d"
        case .oldTerm: hello.term = 4
        default:
            hello.life = 9
            hello.generation = Generation(1)
        }
        table.received(OwnerFrame(term: 0, session: 0, control: .hello(hello)), on: ConnectionID(9), now: Self.start)
        var reasons: [LinkRefusal.Reason] = []
        for case .send(_, let frame) in table.takeEffects() {
            if case .refused(let refusal) = frame.control { reasons.append(refusal.reason) }
        }
        #expect(reasons == [reason])
    }

    /// A hello of an owner of the roster and its whole report; what the master sends in that turn, by connection.
    private mutating func report(
        _ number: UInt64, _ entry: ReportEntry, pending: [LinkCommit], at now: BootInstant
    ) -> [UInt64: [MasterMessage]] {
        var hello = LinkHello(cluster: "c", instance: InstanceKey("owner-\(number)"), life: number)
        hello.generation = Generation(1)
        table.received(OwnerFrame(term: 0, session: 0, control: .hello(hello)), on: ConnectionID(number), now: now)
        return send(number, [.report(ReportPage(entries: [entry], pending: pending, isLast: true))], at: now)
    }

    @Test(
        "R9: a parked copy that another operation overwrites when it is reported goes with it, and never comes back"
    )
    mutating func overtakenClaim() {
        let timing = ProtocolTiming()
        let roster = (1...3 as ClosedRange<UInt64>).map { number in
            let entry = RosterEntry(owner: OwnerID(UInt32(number)), generation: Generation(1), state: .in, life: number)
            return (InstanceKey("owner-\(number)"), entry)
        }
        let authority = Authority(term: 3, electionSent: Self.start, timing: timing)
        table = RoutingTable(cluster: "c", authority: authority, electedAt: Self.start, timing: timing, roster: roster)
        let old = Version(term: 2, sequence: 5)
        let live = ReportEntry(key: key, version: old, byteCount: 10, parkedBy: nil)
        let put = LinkCommit(operation: 1, key: key, kind: .put, byteCount: 10, condition: .version(old))
        _ = report(2, live, pending: [put], at: Self.start)
        _ = report(3, live, pending: [], at: Self.start)

        // Owner 1 is silent for W₀ and bypassed; the put is prepared and waits for owner 3.
        var now = Self.start.advanced(by: timing.newMasterWait + .seconds(1))
        table.authority.confirmed(sending: now)
        table.tick(now: now)
        now = now.advanced(by: .seconds(2))
        table.tick(now: now)
        for case .writeRoster(let instance, let entry) in table.takeEffects() { table.rosterWritten(instance, entry, now: now) }
        #expect(flush(at: now)[3]?.count == 1)

        // It comes back with the copy that its own pending put parked. That put fails on what is completed meanwhile.
        let cause = OperationReference(owner: OwnerID(1), generation: Generation(1), number: 9)
        let parked = ReportEntry(key: key, version: old, byteCount: 10, parkedBy: cause)
        let late = LinkCommit(operation: 9, key: key, kind: .put, byteCount: 10, condition: .absent)
        _ = report(1, parked, pending: [late], at: now)
        #expect(send(3, [.confirm(upTo: 1)], at: now)[2] == nil)
        #expect(send(1, [.confirm(upTo: 1)], at: now)[2] == [.done(operation: 1, .committed(version(1)), publishes: true)])
        #expect(send(2, [.taken(operation: 1)], at: now)[1] == [.settled(1...1)])
        #expect(table.placement(of: key)?.holders == [OwnerID(2)])
    }
}
