import FluxonCore
import Testing

@testable import FluxonTransfer

@Suite struct PathHealthTests {
    static let peer = InstanceKey("owner-b")
    var health = PathHealth()

    static func at(_ milliseconds: UInt64) -> BootInstant { BootInstant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

    @Test("a path that failed is tried last until its pause is over, and first again after that")
    mutating func returns() {
        health.failed("rdma", to: Self.peer, now: Self.at(0))
        #expect(health.order(of: ["rdma", "tcp"], to: Self.peer, now: Self.at(99)) == ["tcp", "rdma"])
        #expect(health.order(of: ["rdma", "tcp"], to: InstanceKey("owner-c"), now: Self.at(99)) == ["rdma", "tcp"])
        #expect(health.order(of: ["rdma", "tcp"], to: Self.peer, now: Self.at(100)) == ["rdma", "tcp"])
    }

    @Test("each further failure doubles the pause, up to a bound; a success forgets them")
    mutating func backoff() {
        for _ in 0..<3 { health.failed("rdma", to: Self.peer, now: Self.at(0)) }
        #expect(health.order(of: ["rdma", "tcp"], to: Self.peer, now: Self.at(399)) == ["tcp", "rdma"])
        #expect(health.order(of: ["rdma", "tcp"], to: Self.peer, now: Self.at(400)) == ["rdma", "tcp"])
        for _ in 0..<50 { health.failed("rdma", to: Self.peer, now: Self.at(0)) }
        #expect(health.order(of: ["rdma", "tcp"], to: Self.peer, now: Self.at(10_000)) == ["rdma", "tcp"])
        health.succeeded("rdma", to: Self.peer)
        #expect(health.order(of: ["rdma", "tcp"], to: Self.peer, now: Self.at(0)) == ["rdma", "tcp"])
    }

    @Test("when all failed, all are offered, best first")
    mutating func allFailed() {
        for name in ["tcp", "rdma"] { health.failed(name, to: Self.peer, now: Self.at(0)) }
        #expect(health.order(of: ["rdma", "tcp"], to: Self.peer, now: Self.at(1)) == ["rdma", "tcp"])
        health.forget(Self.peer)
        #expect(health.order(of: ["rdma", "tcp"], to: Self.peer, now: Self.at(1)) == ["rdma", "tcp"])
    }
}
