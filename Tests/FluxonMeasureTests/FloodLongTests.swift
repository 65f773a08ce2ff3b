import FluxonMeasure
import Testing

/// Floods beside a lone caller, against an echo server of this process. `scripts/bench floods` holds the strict bound, beside nghttpd: there
/// the server has a process, and the machine nothing else to do.
@Suite(.timeLimit(.minutes(2)), .serialized) struct FloodLongTests {
    private static let timing = CaseTiming(duration: .seconds(1), warmUp: 50)
    /// What a debug build on a machine of two cores may take from a caller; one chain of reads a report took up to half a second.
    private static let noiseMicroseconds = 20_000.0

    @Test("a caller goes on beside a flood of each kind", arguments: Flood.allCases)
    func flooded(_ flood: Flood) async throws {
        let server = try await EchoServer()
        defer { server.stop() }
        let quiet = try await FloodCase.measure(nil, server: server.address, timing: Self.timing)
        let beside = try await FloodCase.measure(flood, server: server.address, timing: Self.timing)
        #expect(beside.p99Microseconds <= max(3 * quiet.p99Microseconds, Self.noiseMicroseconds), "quiet \(quiet.json), \(beside.json)")
        #expect(beside.operationsPerSecond > quiet.operationsPerSecond / 20)
    }
}
