import FluxonCore
import Testing

@testable import FluxonOwner

/// Which owners cannot be connected to, and when that is tried again.
@Suite struct PeerReachabilityTests {
    private static let start = BootInstant(nanoseconds: 1_000_000_000_000)
    private var reachability = PeerReachability()
    private let peer = OwnerID(3)

    private static func member(life: String = "a", address: String = "10.0.0.3:1") -> MemberDescription {
        var member = MemberDescription(role: .owner, instanceKey: InstanceKey("owner-3"))
        member.incarnation = life
        member.address = address
        return member
    }

    private mutating func fail(after seconds: Int64 = 0) -> Bool {
        reachability.failed(peer, Self.member(), now: Self.start.advanced(by: .seconds(seconds)))
    }

    private mutating func isBack() -> Bool { reachability.reached(peer) }
    private mutating func learn(_ owners: [OwnerID: MemberDescription]) -> Bool { reachability.learn(owners) }
    private mutating func due(at now: BootInstant) -> [OwnerID] { reachability.takeAttempts(now: now) }

    @Test("a failure is news once, and so is its end")
    mutating func news() {
        #expect(fail())
        #expect(!fail(after: 1))
        #expect(reachability.unreachable == [peer])
        #expect(isBack())
        #expect(!isBack())
        #expect(reachability.unreachable.isEmpty && reachability.nextAttempt == nil)
    }

    @Test("the direct way is tried every five seconds while a relay is used, every minute otherwise", arguments: [true, false])
    mutating func attempts(isRelayed: Bool) {
        let interval: Int64 = isRelayed ? 5 : 60
        for round in 0..<3 as Range<Int64> {
            _ = fail(after: round * interval)
            if isRelayed { reachability.relayed(from: peer) }
            let next = Self.start.advanced(by: .seconds((round + 1) * interval))
            #expect(reachability.nextAttempt == next)
            #expect(due(at: next.advanced(by: .nanoseconds(-1))).isEmpty)
            #expect(due(at: next) == [peer])
            #expect(reachability.nextAttempt == nil, "one at a time")
        }
        reachability.notAttempted(peer, now: Self.start.advanced(by: .seconds(1000)))
        #expect(reachability.nextAttempt == Self.start.advanced(by: .seconds(1060)), "use counts since the last attempt")
    }

    @Test("another life or another address of the peer ends it; a list without the peer does not")
    mutating func learns() {
        _ = fail()
        #expect(!learn([peer: Self.member()]))
        #expect(!learn([:]))
        #expect(reachability.unreachable == [peer])
        #expect(learn([peer: Self.member(life: "b")]))
        _ = fail()
        #expect(learn([peer: Self.member(address: "10.0.0.3:2")]))
        #expect(reachability.unreachable.isEmpty)
    }
}
