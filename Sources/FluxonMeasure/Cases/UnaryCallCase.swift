internal import FluxonRPC
internal import FluxonSystem

/// The case `rpc unary`: an echo over loopback TCP between two event loops of this process, the same both ways.
package enum UnaryCallCase {
    private static let path = "/fluxon.bench.Echo/Say"

    package static func measure(bytes: Int, inFlight wanted: Int, timing: CaseTiming) async throws -> Measurement {
        let lanes = InFlightBudget.lanes(wanted, of: bytes)
        let serverLoop = try EventLoop.started(name: "bench-server")
        let clientLoop = try EventLoop.started(name: "bench-client")
        defer {
            clientLoop.stop()
            serverLoop.stop()
        }
        let server = RPCServer(loop: serverLoop)
        server.unaryNow(path) { message, _ throws(RPCError) in message }
        let address = try await serverLoop.perform { try server.listen(.tcp(host: "127.0.0.1", port: 0)) }
        let client = RPCClient(loop: clientLoop, target: address)
        defer { client.close() }
        let content = [UInt8](repeating: 1, count: bytes)
        for _ in 0..<timing.warmUp { _ = try await client.unary(path, content) }
        let start = CaseTiming.now
        let end = timing.end
        let recorder = try await withThrowingTaskGroup(of: LatencyRecorder.self) { group in
            for _ in 0..<lanes {
                // On the client's loop, as every caller that cares about its cost runs.
                group.addTask(executorPreference: clientLoop.taskExecutor) {
                    var recorder = LatencyRecorder()
                    var before = CaseTiming.now
                    repeat {
                        _ = try await client.unary(path, content)
                        let after = CaseTiming.now
                        recorder.record(nanoseconds: after - before)
                        before = after
                    } while before < end
                    return recorder
                }
            }
            return try await group.reduce(into: LatencyRecorder()) { $0.merge($1) }
        }
        let elapsed = CaseTiming.now - start
        return recorder.measurement("rpc unary", bytes: bytes, inFlight: lanes, elapsedNanoseconds: elapsed)
    }
}
