internal import FluxonRPC
internal import FluxonSystem

/// The case `rpc unary`: an echo over loopback TCP between two event loops of this process, the same bytes both ways.
package enum UnaryCallCase {
    /// How the callers wait.
    package enum Style: Sendable {
        /// By a callback on the client's loop: what links and stores do. The case `rpc unary`.
        case callbacks
        /// As tasks that prefer the client's loop: what an application's calls are. The case `rpc unary async`.
        case tasks
    }

    package static func measure(bytes: Int, inFlight wanted: Int, timing: CaseTiming, style: Style = .callbacks) async throws -> Measurement
    {
        let lanes = InFlightBudget.lanes(wanted, of: bytes)
        let server = try await EchoServer()
        let loop = try EventLoop.started(name: "bench-client")
        defer {
            loop.stop()
            server.stop()
        }
        let client = RPCClient(loop: loop, target: server.address)
        defer { client.close() }
        let content = [UInt8](repeating: 1, count: bytes)
        for _ in 0..<timing.warmUp { _ = try await client.unary(EchoServer.path, content) }
        let start = CaseTiming.now
        let end = timing.end
        let recorder =
            switch style {
            case .callbacks: try await callbacks(client, content, lanes, end)
            case .tasks: try await tasks(client, content, lanes, end)
            }
        let elapsed = CaseTiming.now - start
        return recorder.measurement(
            style == .callbacks ? "rpc unary" : "rpc unary async", bytes: bytes, inFlight: lanes, elapsedNanoseconds: elapsed)
    }

    private static func callbacks(_ client: RPCClient, _ content: [UInt8], _ lanes: Int, _ end: UInt64) async throws -> LatencyRecorder {
        try await withCheckedThrowingContinuation { continuation in
            client.loop.execute {
                let run = CallbackRun(client, content, end) { continuation.resume(with: $0) }
                for _ in 0..<lanes { run.call() }
            }
        }
    }

    private static func tasks(_ client: RPCClient, _ content: [UInt8], _ lanes: Int, _ end: UInt64) async throws -> LatencyRecorder {
        try await withThrowingTaskGroup(of: LatencyRecorder.self) { group in
            for _ in 0..<lanes {
                // On the client's loop, as every caller that cares about its cost runs.
                group.addTask(executorPreference: client.loop.taskExecutor) {
                    var recorder = LatencyRecorder()
                    var before = CaseTiming.now
                    repeat {
                        _ = try await client.unary(EchoServer.path, content)
                        let after = CaseTiming.now
                        recorder.record(nanoseconds: after - before)
                        before = after
                    } while before < end
                    return recorder
                }
            }
            return try await group.reduce(into: LatencyRecorder()) { $0.merge($1) }
        }
    }
}

/// Keeps calls in flight until a deadline. On the client's loop only.
private final class CallbackRun {
    private let client: RPCClient
    private let content: [UInt8]
    private let end: UInt64
    private let done: (Result<LatencyRecorder, any Error>) -> Void
    private var recorder = LatencyRecorder(reserving: 1 << 16)
    private var running = 0
    private var failure: RPCError?

    init(_ client: RPCClient, _ content: [UInt8], _ end: UInt64, _ done: @escaping (Result<LatencyRecorder, any Error>) -> Void) {
        self.client = client
        self.content = content
        self.end = end
        self.done = done
    }

    func call() {
        running += 1
        let start = CaseTiming.now
        let stream = client.open(EchoServer.path)
        stream.send(content)
        stream.halfClose()
        stream.onEnd = { [self] status in
            running -= 1
            let now = CaseTiming.now
            recorder.record(nanoseconds: now - start)
            if !status.isOK { failure = RPCError(status, operation: "measure an echo") }
            if failure == nil, now < end {
                call()
            } else if running == 0 {
                done(failure.map { .failure($0) } ?? .success(recorder))
            }
        }
    }
}
