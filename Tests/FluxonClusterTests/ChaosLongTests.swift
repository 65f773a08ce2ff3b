import FluxonSystem
import Glibc
import Testing

/// Everything at once: several processes of clients, a nemesis that kills, stops, cuts, delays, and fills memory.
///
/// `scripts/chaos` runs the same for longer, with another seed.
@Suite(.serialized) struct ChaosLongTests {
    private static func setting(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    @Test("under a nemesis no history is violated, every call ends, and afterwards all is served and nothing is left behind")
    func nemesis() async throws {
        let seconds = Self.setting("FLUXON_CHAOS_SECONDS") ?? 16
        let run = try ChaosRun(seed: Self.setting("FLUXON_CHAOS_SEED") ?? 1)
        let violations = try await run.run(for: .seconds(Int64(seconds)))
        #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
        #expect(run.faultCount >= seconds / 6)
        #expect(run.operationCount >= seconds * 20)
    }
}
