import FluxonCore
import FluxonMeasure
import FluxonRPC
import FluxonSystem
import Synchronization

/// Unary echo over TCP loopback: client and server on a loop each, in one process. What one message costs beyond the kernel.
enum RPCUnaryCases {
    static func run() async throws {
        let server = try await Server()
        defer { server.loop.stop() }
        for bytes in Sizes.all {
            for inFlight in [1, 64] {
                try await measure("rpc unary", server, bytes: bytes, inFlight: inFlight, Self.callbacks)
                if bytes == 1 << 10 { try await measure("rpc unary async", server, bytes: bytes, inFlight: inFlight, Self.tasks) }
            }
        }
    }

    /// `fluxon-benchmarks serve-rpc [ADDRESS]`: the same server until stopped, for h2load and the like.
    static func serve(_ arguments: ArraySlice<String>) async throws {
        let server = try await Server(arguments.first.map { try Endpoint(parsing: $0).address } ?? .tcp(host: "127.0.0.1", port: 0))
        print("\(server.address)")
        // Nothing ends it but a signal.
        try await server.loop.sleep(for: .seconds(86400))
    }

    private struct Server {
        let loop: EventLoop
        let server: RPCServer
        let address: SocketAddress

        init(_ wanted: SocketAddress = .tcp(host: "127.0.0.1", port: 0)) async throws {
            let loop = try EventLoop.started(name: "bench-server")
            let server = RPCServer(loop: loop)
            self.loop = loop
            self.server = server
            address = try await loop.perform {
                server.unaryNow("/bench.Echo/Say") { message, _ in message }
                return try server.listen(wanted)
            }
        }
    }

    private typealias Driver = (RPCClient, [UInt8], Int, BootInstant) async throws -> LatencyRecorder

    private static func measure(_ name: String, _ server: Server, bytes: Int, inFlight: Int, _ driver: Driver) async throws {
        let loop = try EventLoop.started(name: "bench-client")
        let client = RPCClient(loop: loop, target: server.address)
        let message = [UInt8](repeating: 7, count: bytes)
        // Connects, and fills allocators and caches.
        _ = try await driver(client, message, inFlight, loop.now.advanced(by: .milliseconds(200)))
        let start = loop.now
        let recorder = try await driver(client, message, inFlight, start.advanced(by: .seconds(2)))
        let elapsed = loop.now.nanoseconds - start.nanoseconds
        Main.report(recorder.measurement(name, bytes: bytes, inFlight: inFlight, elapsedNanoseconds: elapsed))
        client.close()
        loop.stop()
    }

    /// Streams and their callbacks: what links and stores use.
    private static func callbacks(_ client: RPCClient, _ message: [UInt8], _ inFlight: Int, _ end: BootInstant) async throws
        -> LatencyRecorder
    {
        try await withCheckedThrowingContinuation { continuation in
            client.loop.execute {
                let run = CallbackRun(client, message, end) { continuation.resume(with: $0) }
                for _ in 0..<inFlight { run.call() }
            }
        }
    }

    /// Tasks on the client's loop that wait for their answers.
    private static func tasks(_ client: RPCClient, _ message: [UInt8], _ inFlight: Int, _ end: BootInstant) async throws -> LatencyRecorder
    {
        try await withThrowingTaskGroup(of: LatencyRecorder.self) { group in
            for _ in 0..<inFlight {
                group.addTask(executorPreference: client.loop.taskExecutor) {
                    var recorder = LatencyRecorder()
                    var now = BootClock.now
                    while now < end {
                        _ = try await client.unary("/bench.Echo/Say", message)
                        let after = BootClock.now
                        recorder.record(nanoseconds: after.nanoseconds - now.nanoseconds)
                        now = after
                    }
                    return recorder
                }
            }
            var all = LatencyRecorder()
            for try await recorder in group { all.merge(recorder) }
            return all
        }
    }
}

/// Keeps calls in flight until a deadline. On the client's loop only.
private final class CallbackRun {
    private let client: RPCClient
    private let message: [UInt8]
    private let end: BootInstant
    private let done: (Result<LatencyRecorder, any Error>) -> Void
    private var recorder = LatencyRecorder(reserving: 1 << 20)
    private var running = 0
    private var failure: RPCError?

    init(_ client: RPCClient, _ message: [UInt8], _ end: BootInstant, _ done: @escaping (Result<LatencyRecorder, any Error>) -> Void) {
        self.client = client
        self.message = message
        self.end = end
        self.done = done
    }

    func call() {
        running += 1
        let start = BootClock.now
        let stream = client.open("/bench.Echo/Say")
        stream.send(message)
        stream.halfClose()
        stream.onEnd = { [self] status in
            running -= 1
            let now = BootClock.now
            recorder.record(nanoseconds: now.nanoseconds - start.nanoseconds)
            if !status.isOK { failure = RPCError(status, operation: "bench") }
            if failure == nil, now < end {
                call()
            } else if running == 0 {
                done(failure.map { .failure($0) } ?? .success(recorder))
            }
        }
    }
}
