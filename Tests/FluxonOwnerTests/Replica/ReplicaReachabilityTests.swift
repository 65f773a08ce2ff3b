import FluxonCore
import FluxonOwner
import Testing

/// When the master hears whom this owner cannot reach.
final class ReplicaReachabilityTests: ScriptedOwner {
    private let others = [OwnerID(2), OwnerID(5)]

    private func enter(session: UInt64, choosesRelays: Bool) {
        table.disconnected(now: Self.start)
        table.connected(now: Self.start)
        var welcome = LinkWelcome(owner: OwnerID(1), generation: Generation(1), isResumed: false, received: 0, keepsNothing: false)
        welcome.choosesRelays = choosesRelays
        table.received(MasterFrame(term: 3, session: session, control: .welcome(welcome)), now: Self.start)
    }

    @Test("a hello says what this owner understands and lends")
    func hello() {
        table.disconnected(now: Self.start)
        table.connected(now: Self.start)
        table.flush(now: Self.start)
        let hellos = table.takeEffects().compactMap { effect -> LinkHello? in
            if case .send(let frame) = effect, case .hello(let hello) = frame.control { hello } else { nil }
        }
        #expect(hellos.map(\.readsThroughRelays) == [true] && hellos.map(\.isRelay) == [false])
    }

    @Test("it hears each change before the lookups that follow, and all of it again in each session")
    func heard() {
        enter(session: 2, choosesRelays: true)
        #expect(!turn().sent.contains { if case .unreachable = $0 { true } else { false } })
        table.reachabilityChanged(unreachable: others)
        get(1)
        #expect(turn().sent == [.unreachable(others), .lookup(LinkLookup(lookup: 1, key: key, wants: .copy))])
        enter(session: 3, choosesRelays: true)
        #expect(turn().sent.contains(.unreachable(others)))
        table.reachabilityChanged(unreachable: [])
        #expect(turn().sent == [.unreachable([])])
        enter(session: 4, choosesRelays: true)
        #expect(!turn().sent.contains { if case .unreachable = $0 { true } else { false } })
    }

    @Test("a master of before this hears nothing that it would end the session over; the next one hears all of it")
    func oldMaster() {
        enter(session: 2, choosesRelays: false)
        _ = turn()
        table.reachabilityChanged(unreachable: others)
        #expect(turn().sent.isEmpty)
        enter(session: 3, choosesRelays: true)
        #expect(turn().sent.contains(.unreachable(others)))
    }
}
