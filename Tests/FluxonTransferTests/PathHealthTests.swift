import FluxonCore
import Testing

@testable import FluxonTransfer

@Suite struct PathHealthTests {
    static let peer = InstanceKey("owner-b")
    var health = PathHealth()

    static func at(_ milliseconds: UInt64) -> BootInstant { BootInstant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

    @Test("a path that failed is set aside until its pause is over, at this peer alone")
    mutating func returns() {
        health.failed("rdma", to: Self.peer, now: Self.at(0))
        #expect(health.isAside("rdma", to: Self.peer, now: Self.at(99)))
        #expect(!health.isAside("rdma", to: InstanceKey("owner-c"), now: Self.at(99)))
        #expect(!health.isAside("rdma", to: Self.peer, now: Self.at(100)))
    }

    @Test("each further failure doubles the pause, up to a bound; a success forgets them")
    mutating func backoff() {
        for _ in 0..<3 { health.failed("rdma", to: Self.peer, now: Self.at(0)) }
        #expect(health.isAside("rdma", to: Self.peer, now: Self.at(399)))
        #expect(!health.isAside("rdma", to: Self.peer, now: Self.at(400)))
        for _ in 0..<50 { health.failed("rdma", to: Self.peer, now: Self.at(0)) }
        #expect(!health.isAside("rdma", to: Self.peer, now: Self.at(10_000)))
        health.succeeded("rdma", to: Self.peer)
        #expect(!health.isAside("rdma", to: Self.peer, now: Self.at(0)))
    }

    @Test("a peer that is forgotten has no path aside")
    mutating func forgotten() {
        for name in ["tcp", "rdma"] { health.failed(name, to: Self.peer, now: Self.at(0)) }
        #expect(health.isAside("rdma", to: Self.peer, now: Self.at(1)) && health.isAside("tcp", to: Self.peer, now: Self.at(1)))
        health.forget(Self.peer)
        #expect(!health.isAside("rdma", to: Self.peer, now: Self.at(1)))
    }
}
