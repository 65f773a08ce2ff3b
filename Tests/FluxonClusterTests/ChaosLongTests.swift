import FluxonSystem
import Foundation
import Glibc
import Testing

/// Everything at once: several processes of clients, a nemesis that kills, stops, cuts, delays, bends clocks and fills memory.
///
/// `scripts/chaos` runs the same for longer, with another seed.
@Suite(.serialized) struct ChaosLongTests {
    private static func setting(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    @Test("under a nemesis no history is violated, every call ends, and afterwards all is served and nothing is left behind")
    func nemesis() async throws {
        let seconds = Self.setting("FLUXON_CHAOS_SECONDS").flatMap(Int64.init) ?? 16
        let run = try ChaosRun(
            seed: Self.setting("FLUXON_CHAOS_SEED").flatMap(UInt64.init) ?? 3, isBeyondBound: Self.setting("FLUXON_CHAOS_BEYOND") != nil)
        let summary = try await run.run(for: .seconds(seconds))
        if let path = Self.setting("FLUXON_CHAOS_SUMMARY") { try File.replace(path, with: Array(summary.json.utf8)) }
        #expect(summary.violations.isEmpty)
        #expect(summary.faults.values.reduce(0, +) >= seconds / 6)
        #expect(summary.clients.allSatisfy { $0.calls > 0 })
        #expect(summary.clients.reduce(0) { $0 + $1.calls } >= seconds * 20)
    }
}
