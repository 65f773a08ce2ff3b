internal import FluxonRPC
package import FluxonSystem

/// What a lone caller notices while another connection floods the same server.
package enum FloodCase {
    /// Calls until their latencies are judged, when the time does not end first.
    private static let mostCalls = 100_000

    /// - Parameters:
    ///   - flood: Nil: nobody floods.
    ///   - path: The caller's method; whatever the server answers ends a call.
    package static func measure(
        _ flood: Flood?, server: SocketAddress, path: String = EchoServer.path, timing: CaseTiming
    ) async throws -> Measurement {
        let loop = try EventLoop.started(name: "bench-caller")
        defer { loop.stop() }
        let client = RPCClient(loop: loop, target: server)
        defer { client.close() }
        let flooder = try flood.map { try Flooder($0, server: server, path: path) }
        defer { flooder?.stop() }
        for _ in 0..<timing.warmUp { try await call(client, path) }
        let start = CaseTiming.now
        let end = timing.end
        var recorder = LatencyRecorder(reserving: mostCalls)
        var before = CaseTiming.now
        while before < end, recorder.count < mostCalls {
            try await call(client, path)
            let after = CaseTiming.now
            recorder.record(nanoseconds: after - before)
            before = after
        }
        let name = "flood \(flood?.rawValue ?? "none")"
        return recorder.measurement(name, bytes: 1, inFlight: 1, elapsedNanoseconds: CaseTiming.now - start)
    }

    /// A server that is not gRPC's answers as well, with a status of its own.
    private static func call(_ client: RPCClient, _ path: String) async throws(RPCError) {
        do throws(RPCError) { _ = try await client.unary(path, [1], deadline: .seconds(30)) } catch {
            if error.code == .unavailable || error.code == .deadlineExceeded { throw error }
        }
    }
}
