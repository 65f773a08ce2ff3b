import FluxonCore
import FluxonSystem
import FluxonTLS
import FluxonTestFiles
import Testing

@testable import FluxonTransfer

/// What only TCP can suffer, on the asker's side.
@Suite(.timeLimit(.minutes(1))) struct TCPTransportTests {
    static let claim = Ticket(high: 1, low: 2)

    static func read(_ stage: isolated TransportStage, at address: String, size: UInt64 = 1000) async throws -> TransferError {
        let memory = TestMemory(Int(size))
        let error = try #require(try await stage.read(claim, range: 0..<size, into: memory, at: address).failure)
        #expect(memory.guardsAreIntact)
        return error
    }

    @Test(
        "a source that sends no frames, or wrong ones, breaks the protocol",
        arguments: [
            Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), [UInt8](repeating: 0, count: 2000),
            ResponseHead(status: .ok, length: 999).encoded(), ResponseHead(status: .ok, length: .max).encoded(),
            ResponseHead(status: .gone, length: 1).encoded(), ResponseHead(status: .gone).encoded() + [1],
            Array(ResponseHead(status: .ok, length: 1000).encoded().prefix(4)) + [9, 9] + [UInt8](repeating: 0, count: 10),
        ])
    func garbage(response: [UInt8]) async throws {
        try await TransportStage.run(.tcp) { stage in
            let error = try await Self.read(stage, at: try RawPeer.answer(response, thenWait: true))
            guard case .protocolViolation = error.reason else { throw error }
            #expect(error.verified == 0)
        }
    }

    @Test("a source that answers a TLS handshake with something else is not believed")
    func garbageInsteadOfTLS() async throws {
        try await TransportStage.run(.tls) { stage in
            let error = try await Self.read(stage, at: try RawPeer.answer(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), thenWait: true))
            guard case .securityFailed(let cause) = error.reason, cause.kind == .notTLS else { throw error }
            #expect(error.verified == 0)
        }
    }

    @Test("a source that closes instead of answering, or within the head, is a lost connection", arguments: [0, 1, 15, 16, 500])
    func closes(afterBytes: Int) async throws {
        try await TransportStage.run(.tcp) { stage in
            let response = ResponseHead(status: .ok, length: 1000).encoded() + [UInt8](repeating: 0, count: 1000)
            let error = try await Self.read(stage, at: try RawPeer.answer(Array(response[..<afterBytes])))
            guard case .connectionLost = error.reason else { throw error }
        }
    }

    @Test("a refusal leaves the connection usable; the next read takes it")
    func reuse() async throws {
        try await TransportStage.run(.tcp) { stage in
            let address = try stage.address()
            #expect(try await Self.read(stage, at: address).reason == .gone)
            for _ in 0..<10 { try await stage.read(TestMemory(10, seed: 1), into: TestMemory(10), at: address).get() }
            let server = try stage.serving()
            #expect(server.connectionCount == 1)
        }
    }

    @Test("an old connection that turns out to be dead costs no read: a new one is made")
    func staleConnection() async throws {
        try await TransportStage.run(.tcp) { stage in
            let address = try RawPeer.answer(ResponseHead(status: .gone).encoded(), times: 2)
            // The peer answers one request a connection and closes; whether that is noticed before the next read, is chance.
            #expect(try await Self.read(stage, at: address).reason == .gone)
            #expect(try await Self.read(stage, at: address).reason == .gone)
        }
    }

    @Test("names are resolved; what is no address, or no name, cannot be connected to")
    func addresses() async throws {
        try await TransportStage.run(.tcp) { stage in
            guard case .tcp(_, let port) = try stage.listening() else { throw TransferError(.closed, path: "test") }
            try await stage.read(TestMemory(10, seed: 1), into: TestMemory(10), at: "localhost:\(port)").get()
            for address in ["nonsense", "", "127.0.0.1:99999", "no-such-host.invalid:1"] {
                let error = try await Self.read(stage, at: address)
                guard case .connectFailed = error.reason else { throw error }
            }
        }
    }

    @Test("a source that does not answer to connecting is given up after the time for that, long before a read is stalled")
    func silence() async throws {
        let silent = try #require(SilentListener())
        var limits = TransferLimits()
        limits.connect = .milliseconds(100)
        limits.stall = .seconds(300)
        try await TransportStage.run(.tcp, limits: limits) { stage in
            let error = try await Self.read(stage, at: "127.0.0.1:\(silent.port)")
            guard case .connectFailed = error.reason else { throw error }
        }
    }

    @Test(
        "a path that is slow has not stalled, also when it brings less in that time than a reader is woken for",
        arguments: [TransportKind.tcp, .tls])
    func slow(kind: TransportKind) async throws {
        var limits = TransferLimits()
        // Far more than the pause between two parts, on a busy machine too; less than all of them take.
        limits.stall = .milliseconds(800)
        try await TransportStage.run(kind, limits: limits) { stage in
            let source = TestMemory(400_000, seed: 1)
            let memory = TestMemory(400_000)
            try await stage.read(source, into: memory, at: try stage.address(over: .slow(bytes: 40_000, every: .milliseconds(100)))).get()
            #expect(memory.matches(source, count: 400_000))
        }
    }

    @Test("a long transfer leaves the loop to others between its slices")
    func fairness() async throws {
        var limits = TransferLimits()
        limits.bytesPerTurn = 256 << 10
        try await TransportStage.run(.tcp, limits: limits) { stage in
            let source = TestMemory(32 << 20, seed: 1)
            let turns = TurnCounter(stage.loop)
            turns.start()
            try await stage.read(source, into: TestMemory(32 << 20), at: try stage.address()).get()
            #expect(turns.count >= 32 << 20 / stage.limits.bytesPerTurn)
            turns.stop()
        }
    }
}

/// Counts the turns of a loop while it has something to do.
private final class TurnCounter {
    private let loop: EventLoop
    private var timer: LoopTimer?
    private(set) var count = 0

    init(_ loop: EventLoop) { self.loop = loop }

    func start() {
        timer = loop.schedule(at: loop.now) { [self] in
            count += 1
            start()
        }
    }

    func stop() { timer?.cancel() }
}
