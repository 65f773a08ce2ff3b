import FluxonCore
import FluxonRPC
import FluxonSystem
import Testing

/// How long a connection without calls stays, and who makes room for whom.
@Suite(.timeLimit(.minutes(1))) struct RoomTests {
    private static func port(_ fixture: EchoFixture) throws -> UInt16 {
        guard case .tcp(_, let port) = fixture.address else { throw CancellationError() }
        return port
    }

    /// A connection that has said what it must and says no more; the server has taken it when this returns.
    private static func silentPeer(_ fixture: EchoFixture) async throws -> RawPeer {
        let peer = try await RawPeer(to: try port(fixture))
        peer.send(RawPeer.preface)
        try await peer.waitUntilTaken()
        return peer
    }

    @Test("a server asks idle connections whether they are there, and closes those that say nothing")
    func vanishedPeer() async throws {
        let fixture = try await EchoFixture(keepalive: RPCKeepalive(interval: .milliseconds(50), timeout: .milliseconds(50)))
        let peer = try await RawPeer(to: try Self.port(fixture))
        peer.send(RawPeer.preface)
        let answer = try await peer.readUntilEnd()
        #expect(RawPeer.frames(answer).contains { $0.kind == 6 && $0.flags == 0 })
        let client = fixture.client()
        #expect(try await client.unary("/test.Echo/Unary", [1]) == [1])
        // It answers pings while it is idle, so it stays.
        try await fixture.loop.sleep(for: .milliseconds(300))
        let left = try await fixture.loop.perform { fixture.server.connectionCount }
        #expect(left == 1)
    }

    @Test("over the number of connections the one that was silent longest makes room, one with a call never")
    func cap() async throws {
        let fixture = try await EchoFixture(limits: .with { $0.connections = 3 })
        let busy = fixture.client()
        let call = await busy.call("/test.Echo/Stream")
        try await call.send([1])
        #expect(try await call.next() == [1])
        let first = try await Self.silentPeer(fixture)
        let second = try await Self.silentPeer(fixture)
        let third = try await Self.silentPeer(fixture)
        let answer = try await first.readUntilEnd()
        #expect(RawPeer.goAwayCode(answer) == 0)
        try await call.send([2])
        #expect(try await call.next() == [2])
        let left = try await fixture.loop.perform { fixture.server.connectionCount }
        #expect(left == 3)
        second.shutdownWrite()
        third.shutdownWrite()
    }

    @Test("a server that is closed says GOAWAY first")
    func goAway() async throws {
        let fixture = try await EchoFixture()
        let peer = try await Self.silentPeer(fixture)
        try await fixture.loop.perform { fixture.server.close() }
        #expect(RawPeer.goAwayCode(try await peer.readUntilEnd()) == 0)
    }

    @Test("calls that wait for a stream leave in any order, and those that are left get theirs")
    func cancelledWaiters() async throws {
        let fixture = try await EchoFixture(limits: .with { $0.concurrentStreams = 2 })
        let client = fixture.client()
        _ = try await client.unary("/test.Echo/Unary", [])
        let never = [await client.call("/test.Echo/Never"), await client.call("/test.Echo/Never")]
        var waiting: [RPCCall] = []
        for number in 0..<1000 {
            let call = await client.call("/test.Echo/Stream")
            try await call.send([UInt8(number & 255)])
            waiting.append(call)
        }
        for (number, call) in waiting.enumerated() where number != 500 { call.cancel() }
        for call in never { call.cancel() }
        #expect(try await waiting[500].next() == [UInt8(500 & 255)])
    }
}
