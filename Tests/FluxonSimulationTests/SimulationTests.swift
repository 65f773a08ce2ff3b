import FluxonSimulation
import Testing

/// A few seeds in a debug build; `scripts/simulate` runs as many as one likes in a release build.
@Suite struct SimulationTests {
    @Test("a cluster under faults keeps every invariant, and every history is linearizable", arguments: UInt64(1)...20)
    func faults(seed: UInt64) {
        let report = Simulation(seed: seed, options: .seeded(seed)).run()
        #expect(report.violations.isEmpty, "seed \(seed): \(report.violations.prefix(3)); see scripts/simulate --seed \(seed) --trace")
        #expect(report.succeeded > 0 && report.localReads > 0, "a run in which nothing works shows nothing: \(report.summary)")
    }

    @Test("without faults every operation succeeds")
    func calm() {
        var options = SimulationOptions()
        options.hasFaults = false
        options.seconds = 20
        let report = Simulation(seed: 7, options: options).run()
        #expect(report.violations.isEmpty, "\(report.violations)")
        #expect(report.succeeded > 300)
        #expect(report.failed < 100, "\(report.summary): only those before the first master may fail")
    }

    @Test("one seed is one run, byte for byte, and another seed is another")
    func deterministic() {
        var options = SimulationOptions.seeded(11)
        options.keepsTrace = true
        options.seconds = 10
        let first = Simulation(seed: 11, options: options).run()
        let second = Simulation(seed: 11, options: options).run()
        #expect(first.lines.count > 100)
        #expect(first.lines == second.lines)
        #expect(first.digest == second.digest)
        #expect(Simulation(seed: 12, options: options).run().digest != first.digest)
    }

    @Test("keeping the trace changes nothing")
    func traceIsOnlyWatched() {
        var options = SimulationOptions.seeded(3)
        options.seconds = 10
        let unwatched = Simulation(seed: 3, options: options).run()
        options.keepsTrace = true
        #expect(Simulation(seed: 3, options: options).run().digest == unwatched.digest)
    }
}
