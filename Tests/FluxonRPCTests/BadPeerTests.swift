import FluxonCore
import FluxonRPC
import FluxonSystem
import FluxonTestFiles
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1))) struct BadPeerTests {
    @Test(
        "garbage ends its own connection with a reason, and the server serves on",
        arguments: [
            Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), [UInt8](repeating: 0xff, count: 100),
            RawPeer.preface + RawPeer.frame(0, 0, 0, [1, 2, 3]), RawPeer.preface + RawPeer.frame(1, 4, 1, [0xff, 0xff, 0xff, 0xff, 0xff]),
            RawPeer.preface + RawPeer.frame(4, 0, 0, [0, 5, 0, 0, 0, 1]), RawPeer.preface + [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1],
        ])
    func garbage(bytes: [UInt8]) async throws {
        let fixture = try await EchoFixture()
        let (ends, sink) = AsyncStream.makeStream(of: String?.self)
        let peer = try await RawPeer(of: fixture) { sink.yield($0) }
        peer.send(bytes)
        _ = try await peer.readUntilEnd()
        for await reason in ends {
            #expect(reason?.isEmpty == false)
            break
        }
        #expect(try await fixture.client().unary("/test.Echo/Unary", [1]) == [1])
    }

    @Test("an attempt to connect that nobody answers ends after its time, and the client says so until one succeeds")
    func silence() async throws {
        let silent = try #require(SilentListener())
        let fixture = try await EchoFixture()
        let target = SocketAddress.tcp(host: "127.0.0.1", port: silent.port)
        let client = RPCClient(loop: fixture.loop, target: target, connectTimeout: .milliseconds(100))
        do {
            _ = try await client.unary("/test.Echo/Unary", [1], deadline: .seconds(50))
            Issue.record("somebody answered")
        } catch {
            #expect(error.code == .unavailable && error.isUnprocessed, "\(error)")
        }
        #expect(try await fixture.loop.perform { client.couldNotConnect })
        let other = fixture.client()
        #expect(try await other.unary("/test.Echo/Unary", [1]) == [1])
        #expect(try await fixture.loop.perform { !other.couldNotConnect })
        client.close()
    }

    @Test("a peer that closes its sending side in the middle of a call ends the call and the connection")
    func halfClosed() async throws {
        let fixture = try await EchoFixture()
        let (ends, sink) = AsyncStream.makeStream(of: RPCStatus.self)
        try await fixture.loop.perform {
            fixture.server.handle("/test.Echo/Watched") { stream in stream.onEnd = { sink.yield($0) } }
        }
        let peer = try await RawPeer(of: fixture)
        peer.send(RawPeer.preface + RawPeer.request("/test.Echo/Watched") + RawPeer.frame(0, 0, 1, [0, 0, 0, 0, 9, 1]))
        peer.shutdownWrite()
        _ = try await peer.readUntilEnd()
        for await status in ends {
            #expect(status.code == .unavailable)
            break
        }
    }

    @Test("a client that does not read stops its server at the limits, and the server learns when it may go on")
    func notReading() async throws {
        let limits = RPCLimits.with {
            $0.queuedBytes = 4 << 20
            $0.writableBytes = 1 << 20
        }
        let fixture = try await EchoFixture(limits: limits)
        let (statuses, sink) = AsyncStream.makeStream(of: (RPCStatus, Int).self)
        try await fixture.loop.perform {
            fixture.server.handle("/test.Echo/Flood") { stream in
                var most = 0
                stream.onEnd = { sink.yield(($0, most)) }
                while !stream.isEnded, stream.queuedBytes < 8 << 20, most <= stream.queuedBytes {
                    most = stream.queuedBytes
                    stream.send([UInt8](repeating: 1, count: 1 << 18))
                }
            }
        }
        let peer = try await RawPeer(of: fixture)
        peer.send(RawPeer.preface + RawPeer.request("/test.Echo/Flood") + RawPeer.frame(3, 0, 1, [0, 0, 0, 8]))
        for await (status, most) in statuses {
            #expect(status.code == .cancelled || status.code == .resourceExhausted)
            #expect(most <= 4 << 20)
            break
        }
    }

    @Test("a reader that pauses closes the window of its call, and everything comes once it reads on")
    func pausedReader() async throws {
        let limits = RPCLimits.with { $0.streamWindowBytes = 1 << 16 }
        let fixture = try await EchoFixture()
        let client = fixture.client(limits: limits)
        let call = await client.call("/test.Echo/Repeat")
        try await call.send([255] + [UInt8](repeating: 2, count: 9999))
        call.halfClose()
        // Another call of the same connection goes on meanwhile.
        #expect(try await client.unary("/test.Echo/Unary", [UInt8](repeating: 1, count: 1 << 20)).count == 1 << 20)
        var count = 0
        while let message = try await call.next() { count += message.count }
        #expect(count == 2_550_000)
    }

    @Test("a message over the limit ends its call with both numbers, whoever sends it")
    func longMessages() async throws {
        let fixture = try await EchoFixture(limits: .with { $0.messageBytes = 1000 })
        let client = fixture.client()
        let refused = await #expect(throws: RPCError.self) {
            try await client.unary("/test.Echo/Unary", [UInt8](repeating: 1, count: 1001))
        }
        #expect(refused?.code == .resourceExhausted)
        #expect(refused?.message.contains("1001") == true && refused?.message.contains("1000") == true)
        let small = fixture.client(limits: .with { $0.messageBytes = 10 })
        let kept = await #expect(throws: RPCError.self) { try await small.unary("/test.Echo/Unary", [UInt8](repeating: 1, count: 11)) }
        #expect(kept?.code == .resourceExhausted)
        #expect(try await client.unary("/test.Echo/Unary", [1]) == [1])
    }

    @Test("header fields over the limit end the call and not the connection")
    func longHeaders() async throws {
        let fixture = try await EchoFixture(limits: .with { $0.headerListBytes = 2000 })
        let client = fixture.client()
        let metadata: RPCMetadata = ["x-long": String(repeating: "y", count: 4000)]
        let error = await #expect(throws: RPCError.self) { try await client.unary("/test.Echo/Unary", [1], metadata: metadata) }
        #expect(error?.code == .resourceExhausted)
        #expect(try await client.unary("/test.Echo/Unary", [1]) == [1])
    }

    @Test("calls over the server's number of streams wait for their turn")
    func manyStreams() async throws {
        let fixture = try await EchoFixture(limits: .with { $0.concurrentStreams = 4 })
        let client = fixture.client()
        // The first answer brings the server's settings.
        _ = try await client.unary("/test.Echo/Unary", [])
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for number in 0..<100 { group.addTask { try await client.unary("/test.Echo/Async", [UInt8(number)]) } }
            var seen: Set<UInt8> = []
            for try await answer in group { seen.formUnion(answer) }
            #expect(seen.count == 100)
        }
    }

    @Test("a server that accepts and says nothing is given up with what to check")
    func silentServer() async throws {
        let loop = try EventLoop.started(name: "test-rpc")
        defer { loop.stop() }
        let listener = try Socket.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let client = RPCClient(
            loop: loop, target: try Socket.localAddress(of: listener.number), limits: .with { $0.setupTime = .milliseconds(50) })
        let error = await #expect(throws: RPCError.self) { try await client.unary("/test.Echo/Unary", [1]) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("did not speak HTTP/2") == true)
    }

    @Test("a peer that stops answering is found out by a ping")
    func keepalive() async throws {
        let fixture = try await EchoFixture()
        let listener = try Socket.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let target = try Socket.localAddress(of: listener.number)
        let mute = MutePeer()
        let number = listener.number
        try await fixture.loop.perform { try mute.serve(number, on: fixture.loop) }
        let client = RPCClient(
            loop: fixture.loop, target: target, keepalive: RPCKeepalive(interval: .milliseconds(50), timeout: .milliseconds(50)))
        let error = await #expect(throws: RPCError.self) { try await client.unary("/test.Echo/Unary", [1]) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("ping") == true)
        try await fixture.loop.perform { mute.stop() }
        #expect(listener.number == number)
    }

    @Test("a port that is taken is refused as in use")
    func portTaken() async throws {
        let fixture = try await EchoFixture()
        let error = await #expect(throws: SystemError.self) {
            try await fixture.loop.perform { _ = try fixture.server.listen(fixture.address) }
        }
        #expect(error?.isInUse == true)
    }
}

/// Accepts, sends its SETTINGS, and never a byte more. On its loop only.
private final class MutePeer: @unchecked Sendable {
    // SAFETY: used within `perform` and callbacks of one loop.
    private var registration: Registration?
    private var accepted: Descriptor?

    func serve(_ listener: CInt, on loop: EventLoop) throws {
        registration = try loop.register(listener, .readable) { [unowned self] _ in
            guard let descriptor = try? Socket.accept(on: listener) else { return }
            _ = RawPeer.frame(4, 0, 0).withUnsafeBytes { Socket.send(descriptor.number, $0) }
            accepted = consume descriptor
        }
    }

    func stop() { registration?.cancel() }
}
