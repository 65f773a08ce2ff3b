import Fluxon
import FluxonCore
import FluxonPool
import FluxonSystem
import Testing

/// What an owner's answers can do to a process that uses its memory, when they are not what an owner says.
@Suite(.timeLimit(.minutes(1))) struct DamagedOwnerTests {
    @Test("extents that the pool cannot have are not kept, whatever they add up to")
    func impossibleExtents() async throws {
        let loop = try EventLoop.started(name: "probe")
        defer { loop.stop() }
        let (kept, problem) = try await loop.perform {
            let probe = try OwnerLinkProbe(loop: loop, capacityBytes: 1 << 20, maps: true, mayWrite: true)
            try probe.attach(resumes: false)
            for (offset, capacity) in [(0, .max), (0, 1 << 63), (64, 0), (4096, 65), (4097, 64), (1 << 40, 64)] as [(UInt64, UInt64)] {
                let extents = [LocalExtent](repeating: LocalExtent(offset: offset, capacity: capacity), count: 3)
                Self.receive(probe, .granted(.init(extents: extents)))
                let outcome = LocalAnswer.Outcome(counter: 1, result: .failed(code: 1, message: ""), refill: .init(extents: extents))
                Self.receive(probe, .outcome(outcome))
            }
            return (probe.keptBytes, probe.end())
        }
        #expect(kept == 0)
        #expect(problem == nil)
    }

    @Test("an extent that is granted again and again is kept as often as the pool has room for it")
    func repeatedExtents() async throws {
        let loop = try EventLoop.started(name: "probe")
        defer { loop.stop() }
        let (kept, fileBytes, problem) = try await loop.perform {
            let probe = try OwnerLinkProbe(loop: loop, capacityBytes: 1 << 20, maps: true, mayWrite: true)
            try probe.attach(resumes: false)
            let grant = try #require(probe.grant(60_000))
            for _ in 0..<1000 { Self.receive(probe, .granted(grant)) }
            return (probe.keptBytes, UInt64(PoolGeometry(capacityBytes: 1 << 20, hashSeed: 7).fileBytes), probe.end())
        }
        #expect(kept > 0)
        #expect(kept <= fileBytes)
        #expect(problem == nil)
    }

    @Test("a put ends with what is wrong when the owner grants memory that its pool does not have")
    func unusableGrant() async throws {
        let loop = try EventLoop.started(name: "probe")
        defer { loop.stop() }
        let codes = try await loop.perform {
            let probe = try OwnerLinkProbe(loop: loop, capacityBytes: 1 << 20, maps: true, mayWrite: true)
            try probe.attach(resumes: false)
            for grant in [
                LocalAnswer.Grant(extents: [LocalExtent(offset: 0, capacity: .max)]),
                LocalAnswer.Grant(extents: [LocalExtent(offset: 1 << 20, capacity: 64)]),
                LocalAnswer.Grant(spans: [LocalExtent(offset: 1 << 40, capacity: 4096)]),
            ] {
                probe.reserve(100, count: 1)
                Self.receive(probe, .granted(grant), id: probe.number(of: probe.callCount - 1))
            }
            // No extent means "by the socket", for a small value alone.
            for byteCount in [UInt64(Limits.socketPutBytes), UInt64(Limits.socketPutBytes + 1)] {
                probe.reserve(byteCount, count: 1)
                Self.receive(probe, .granted(LocalAnswer.Grant()), id: probe.number(of: probe.callCount - 1))
            }
            defer { _ = probe.end() }
            return probe.failures.map(\.code)
        }
        #expect(codes == [FluxonError.Code](repeating: .protocolViolation, count: 4))
    }

    private static func receive(_ probe: OwnerLinkProbe, _ body: LocalAnswer.Body, id: UInt64 = 0) {
        probe.receive(LocalAnswerFrame(answers: [LocalAnswer(id: id, body: body)]).encoded())
    }
}
