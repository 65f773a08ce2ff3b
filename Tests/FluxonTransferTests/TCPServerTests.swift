import FluxonCore
import FluxonSystem
import Testing

@testable import FluxonTransfer

/// What only TCP can suffer: bytes that are no frames, peers that stop in the middle, connections that grow old.
@Suite(.timeLimit(.minutes(1))) struct TCPServerTests {
    static let greeting = Greeting(cluster: "c", asker: TransportStage.asker)

    static func request(_ ticket: Ticket, _ range: Range<UInt64>) -> [UInt8] {
        RangeRequest(ticket: ticket, version: TransportStage.version, range: range, chunkBytes: 4096).encoded()
    }

    @Test(
        "garbage closes the connection and nothing else",
        arguments: [
            Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), [UInt8](repeating: 0, count: 4096), [UInt8](repeating: 0xff, count: 100),
            greeting.encoded() + [UInt8](repeating: 1, count: 60),
        ])
    func garbage(bytes: [UInt8]) async throws {
        try await TransportStage.run(.tcp) { stage in
            let address = try stage.listening()
            #expect(try await RawPeer.connect(to: address, sending: bytes) { RawPeer.readToEnd($0) } == [])
            let server = try stage.serving()
            #expect(server.violationCount == 1)
            let source = TestMemory(1000, seed: 1)
            try await stage.read(source, into: TestMemory(1000), at: try stage.address()).get()
        }
    }

    @Test(
        "garbage where TLS should begin closes the connection and nothing else",
        arguments: [
            Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), [UInt8](repeating: 0xff, count: 4096), greeting.encoded(),
            // A handshake record of a ClientHello that is none.
            [0x16, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9],
        ])
    func garbageBeforeTLS(bytes: [UInt8]) async throws {
        try await TransportStage.run(.tls) { stage in
            let address = try stage.listening()
            let answer = try await RawPeer.connect(to: address, sending: bytes) { RawPeer.readToEnd($0) }
            // An alert at most: record type, version, length.
            #expect(answer.isEmpty || answer.starts(with: [0x15, 3]))
            let server = try stage.serving()
            #expect(server.violationCount == 1)
            let source = TestMemory(1000, seed: 1)
            try await stage.read(source, into: TestMemory(1000), at: try stage.address()).get()
        }
    }

    @Test("another protocol version is told so")
    func version() async throws {
        try await TransportStage.run(.tcp) { stage in
            let address = try stage.listening()
            let newer = Greeting(version: Frames.version + 1, cluster: "c", asker: TransportStage.asker)
            let answer = try await RawPeer.connect(to: address, sending: newer.encoded()) { RawPeer.readToEnd($0) }
            var input = ByteInput(answer)
            #expect(try ResponseHead.decode(&input) == ResponseHead(status: .versionMismatch))
        }
    }

    @Test("an asker that stops reading loses its path, and the source unpins", arguments: [false, true])
    func stopsReading(closesHalf: Bool) async throws {
        var limits = TransferLimits()
        limits.stall = closesHalf ? .seconds(30) : .milliseconds(100)
        try await TransportStage.run(.tcp, limits: limits) { stage in
            let ticket = try stage.issue(TestMemory(64 << 20, seed: 1))
            let bytes = Self.greeting.encoded() + Self.request(ticket, 0..<64 << 20)
            let address = try stage.listening()
            let stopped = try await stage.holdingSocket(to: address, sending: bytes)
            if closesHalf { Socket.shutdownWrite(stopped.number) }
            await stage.released(1)
            let server = try stage.serving()
            #expect(server.connectionCount == 0)
        }
    }

    @Test("a greeting that never ends is waited for no longer than a stall")
    func unfinishedGreeting() async throws {
        var limits = TransferLimits()
        limits.stall = .milliseconds(100)
        try await TransportStage.run(.tcp, limits: limits) { stage in
            let address = try stage.listening()
            let answer = try await RawPeer.connect(to: address, sending: Array(Self.greeting.encoded().dropLast())) {
                RawPeer.readToEnd($0)
            }
            #expect(answer == [])
        }
    }

    @Test("requests that come together are answered one after the other")
    func pipelined() async throws {
        try await TransportStage.run(.tcp) { stage in
            let source = TestMemory(10_000, seed: 1)
            let bytes = try (0..<20).reduce(into: Self.greeting.encoded()) { bytes, _ in
                bytes += Self.request(try stage.issue(source), 0..<10_000)
            }
            let expected = 20 * ResponseLayout(length: 10_000, chunkBytes: 4096).totalBytes
            let address = try stage.listening()
            let answers = try await RawPeer.connect(to: address, sending: bytes) { RawPeer.readToEnd($0, limit: expected).count }
            #expect(answers == expected)
            await stage.released(20)
        }
    }

    @Test("more connections than allowed are closed at once")
    func tooMany() async throws {
        var limits = TransferLimits()
        limits.acceptedConnections = 1
        try await TransportStage.run(.tcp, limits: limits) { stage in
            try await stage.read(TestMemory(10, seed: 1), into: TestMemory(10), at: try stage.address()).get()
            let address = try stage.listening()
            #expect(try await RawPeer.connect(to: address, sending: []) { RawPeer.readToEnd($0) } == [])
        }
    }
}

extension TransportStage {
    /// A connection that never reads, open as long as the result lives.
    fileprivate func holdingSocket(to address: SocketAddress, sending bytes: [UInt8]) async throws -> HeldSocket {
        let target = try #require(try ResolvedAddress.resolve(address).first)
        let (number, _) = try Socket.connect(to: target)
        setBlocking(number)
        #expect(bytes.withUnsafeBytes { Socket.send(number, $0) } == .moved(bytes.count))
        return HeldSocket(Descriptor(owning: number))
    }
}

private final class HeldSocket: Sendable {
    private let descriptor: Descriptor
    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    var number: CInt { descriptor.number }
}
