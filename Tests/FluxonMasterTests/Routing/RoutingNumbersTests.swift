import FluxonCore
import Testing

@testable import FluxonMaster

/// Numbers of owners that were lost are given anew (decision 0043).
@Suite struct RoutingNumbersTests {
    static let start = BootInstant(nanoseconds: 1_000_000_000_000)
    private let timing = ProtocolTiming()

    /// A master that reads this roster: owner 1, 2, … in these states, all of generation 7.
    private func table(_ roster: [RosterEntry.State], lostOwnersKept: Int = 1) -> RoutingTable {
        let entries = roster.enumerated().map { index, state in
            let number = UInt32(index) + 1
            let entry = RosterEntry(owner: OwnerID(number), generation: Generation(7), state: state, life: UInt64(number))
            return (InstanceKey("owner-\(number)"), entry)
        }
        var table = RoutingTable(
            cluster: "c", authority: Authority(term: 3, electionSent: Self.start, timing: timing), electedAt: Self.start, timing: timing,
            roster: entries)
        table.lostOwnersKept = lostOwnersKept
        _ = table.takeEffects()
        return table
    }

    private func hello(_ name: String, life: UInt64, generation: UInt64 = 0) -> OwnerFrame {
        var hello = LinkHello(cluster: "c", instance: InstanceKey(name), life: life)
        hello.generation = Generation(generation)
        return OwnerFrame(term: 0, session: 0, control: .hello(hello))
    }

    private func writes(_ table: inout RoutingTable) -> [RosterChange] {
        table.flush(now: Self.start)
        return table.takeEffects().compactMap { effect -> RosterChange? in
            switch effect {
            case .writeRoster(let owner, let entry): RosterChange(owner: owner, entry: entry)
            case .replaceRoster(let former, let owner, let entry): RosterChange(owner: owner, entry: entry, replaces: former)
            case .send, .close, .note: nil
            }
        }
    }

    private func welcomes(_ table: inout RoutingTable) -> [LinkWelcome] {
        table.flush(now: Self.start)
        return table.takeEffects().compactMap { effect -> LinkWelcome? in
            guard case .send(_, let frame) = effect, case .welcome(let welcome) = frame.control else { return nil }
            return welcome
        }
    }

    @Test("while few are lost a new owner gets a new number; beyond that the lowest of a lost one, in its next generation, in one write")
    func givenAnew() {
        var few = table([.lost, .in])
        few.received(hello("new", life: 50), on: ConnectionID(1), now: Self.start)
        #expect(writes(&few).map(\.entry.owner) == [OwnerID(3)])

        var many = table([.in, .lost, .lost])
        many.received(hello("new", life: 50), on: ConnectionID(1), now: Self.start)
        let write = writes(&many)
        let entry = RosterEntry(owner: OwnerID(2), generation: Generation(8), state: .in, life: 50)
        #expect(write == [RosterChange(owner: InstanceKey("new"), entry: entry, replaces: InstanceKey("owner-2"))])
        many.rosterWritten(InstanceKey("new"), entry, now: Self.start)
        #expect(welcomes(&many).map(\.owner) == [OwnerID(2)])
        #expect(many.rosterState(of: InstanceKey("owner-2")) == nil && many.rosterState(of: InstanceKey("new")) == .in)
    }

    @Test("an owner that comes back to find its number another's is told to wait for the write, then gets a number and is not believed")
    func cameBack() {
        var table = table([.lost, .lost])
        table.received(hello("new", life: 50), on: ConnectionID(1), now: Self.start)
        let write = writes(&table)[0]
        table.received(hello("owner-1", life: 1, generation: 7), on: ConnectionID(2), now: Self.start)
        table.flush(now: Self.start)
        let refusals = table.takeEffects().compactMap { effect -> LinkRefusal.Reason? in
            guard case .send(_, let frame) = effect, case .refused(let refusal) = frame.control else { return nil }
            return refusal.reason
        }
        #expect(refusals == [.notYet])
        table.rosterWritten(write.owner, write.entry, now: Self.start)
        _ = welcomes(&table)

        table.received(hello("owner-1", life: 1, generation: 7), on: ConnectionID(3), now: Self.start)
        let back = writes(&table)[0]
        #expect(back.entry == RosterEntry(owner: OwnerID(3), generation: Generation(8), state: .lost, life: 1))
        table.rosterWritten(back.owner, back.entry, now: Self.start)
        #expect(welcomes(&table).map(\.keepsNothing) == [true])
    }

    @Test("a number is not given anew while its lost owner is connected, and at the limit only when somebody is lost")
    func limits() {
        var connected = table([.lost, .lost])
        connected.received(hello("owner-1", life: 1, generation: 7), on: ConnectionID(1), now: Self.start)
        connected.received(hello("owner-2", life: 2, generation: 7), on: ConnectionID(2), now: Self.start)
        _ = writes(&connected)
        connected.received(hello("new", life: 50), on: ConnectionID(3), now: Self.start)
        #expect(writes(&connected).map(\.entry.owner) == [OwnerID(3)])

        var full = table(Array(repeating: .in, count: Limits.owners))
        full.received(hello("new", life: 50), on: ConnectionID(1), now: Self.start)
        #expect(writes(&full).isEmpty)
        var oneLost = table([.lost] + Array(repeating: .in, count: Limits.owners - 1), lostOwnersKept: Limits.lostOwners)
        oneLost.received(hello("new", life: 50), on: ConnectionID(1), now: Self.start)
        #expect(writes(&oneLost).map(\.entry.owner) == [OwnerID(1)])
    }

    @Test("a generation that has no next one is refused, and traps nobody")
    func lastGeneration() {
        var table = table([])
        table.received(hello("new", life: 50, generation: .max), on: ConnectionID(1), now: Self.start)
        #expect(writes(&table).isEmpty)
    }
}
