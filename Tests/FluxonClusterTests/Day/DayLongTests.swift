import FluxonSystem
import Glibc
import Testing

/// A compressed day of a small cluster, as people use it. `scripts/day` runs it; nothing else does.
@Suite(.serialized) struct DayLongTests {
    private static func setting(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    @Test(
        "a day passes: nothing acknowledged is lost, nothing is said that is not so, nothing grows",
        .enabled(if: setting("FLUXON_DAY_SEED") != nil))
    func day() async throws {
        let hours = Self.setting("FLUXON_DAY_HOURS").map { $0.split(separator: ",").map(String.init) }
        let day = try await Day(
            seed: Self.setting("FLUXON_DAY_SEED").flatMap(UInt64.init) ?? 1,
            evidence: Self.setting("FLUXON_DAY_EVIDENCE") ?? "/tmp/fluxon-day-\(getpid())")
        await day.pass(hours: try Hour.chosen(hours), for: .seconds(Self.setting("FLUXON_DAY_SECONDS").flatMap(Int64.init) ?? 0))
        #expect(day.report.failures.isEmpty)
    }

    @Test("every hour has a name of its own, by which scripts/day can be asked for it")
    func names() throws {
        #expect(Set(Hour.all.map(\.name)).count == Hour.all.count)
        #expect(try Hour.chosen(["logrotate"]).map(\.name) == ["logrotate"])
        #expect(throws: UnknownHour.self) { try Hour.chosen(["teatime"]) }
    }
}
