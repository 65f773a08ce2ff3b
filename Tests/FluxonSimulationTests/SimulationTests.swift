import FluxonMaster
import FluxonOwner
import Glibc
import Testing

@Suite struct SimulationTests {
    /// `FLUXON_SEEDS`: how many seeds; `FLUXON_SEED`: only this one, with its trace.
    private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    private static let seeds: [UInt64] = {
        if let one = number("FLUXON_SEED") { return [UInt64(one)] }
        return (1...UInt64(number("FLUXON_SEEDS") ?? 200)).map { $0 }
    }()

    @Test("a cluster under faults keeps every invariant, and every history is linearizable", arguments: seeds)
    func faults(seed: UInt64) {
        var options = SimulationOptions.seeded(seed)
        options.keepsTrace = getenv("FLUXON_TRACE") != nil
        let simulation = Simulation(seed: seed, options: options)
        let violations = simulation.run()
        for line in simulation.trace.lines { Self.write(line) }
        Self.note("seed \(seed): \(simulation.history.summary), digest \(simulation.trace.digest)")
        #expect(violations.isEmpty, "seed \(seed): \(violations.prefix(3)); see scripts/simulate --seed \(seed) --trace")
    }

    @Test("without faults every operation succeeds")
    func calm() {
        var options = SimulationOptions()
        options.hasFaults = false
        options.seconds = 30
        let simulation = Simulation(seed: 7, options: options)
        #expect(simulation.run().isEmpty)
        #expect(simulation.history.succeeded > 300)
        #expect(simulation.history.failed < 40, "\(simulation.history.failed) operations failed, all before the first master")
    }

    @Test("one seed is one run, byte for byte")
    func deterministic() {
        var options = SimulationOptions()
        options.keepsTrace = true
        options.seconds = 20
        let first = Simulation(seed: 11, options: options)
        let second = Simulation(seed: 11, options: options)
        _ = first.run()
        _ = second.run()
        #expect(first.trace.lines == second.trace.lines)
        #expect(first.trace.digest == second.trace.digest)
    }

    /// Shown with `FLUXON_STATS`.
    static func note(_ line: String) {
        if getenv("FLUXON_STATS") != nil { write(line) }
    }

    private static func write(_ line: String) {
        let text = line + "\n"
        _ = text.withCString { Glibc.write(STDOUT_FILENO, $0, text.utf8.count) }
    }
}
