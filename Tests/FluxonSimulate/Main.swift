import ArgumentParser
import FluxonSimulation
import Glibc

/// Runs the simulated cluster: many seeds, or one with its story (scripts/simulate builds and calls it).
@main struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scripts/simulate",
        abstract: "Runs a simulated cluster under faults, a virtual minute for each seed, and checks every invariant of the protocol.",
        discussion: """
            A seed of a shape is one run, byte for byte. One that breaks an invariant is printed with the command that tells its story.
            Exit status: 0 nothing found, 1 a violation (with --planted: a mistake that was not found), 64 wrong arguments.
            """)

    @Option(help: "Runs this many seeds.") var seeds: UInt64 = 500
    @Option(help: "The first of them.") var from: UInt64 = 1
    @Option(help: "Runs this seed alone.") var seed: UInt64?
    @Flag(help: "Runs the seeds that once failed, instead.") var regressions = false
    @Option(help: "All in this shape, mixed or terms; else two seeds of three are mixed.") var shape: SimulationShape?
    @Flag(help: "Prints the seed's story: every message and fault, what the clients saw, and what broke.") var trace = false
    @Option(help: "Runs so many seeds at a time; as many as there are processors, if not given.") var jobs: Int?
    @Flag(help: "Prints one JSON object per seed, and one for all.") var json = false
    @Option(help: "Plants this mistake, or one after the other all that 200 seeds find, or terms: those that 2 000 of that shape find.")
    var planted: String?

    func validate() throws {
        guard seed != nil || !trace else { throw ValidationError("--trace wants --seed S: the stories of several seeds would be mixed") }
        guard seeds > 0, from > 0, jobs ?? 1 > 0 else { throw ValidationError("--seeds, --from and --jobs begin at 1") }
        guard UInt64.max - from >= seeds else { throw ValidationError("there are no seeds beyond \(UInt64.max)") }
    }

    func run() async throws {
        if let planted {
            guard try await findPlanted(planted) else { throw ExitCode(1) }
        } else if let seed, trace {
            guard tellStory(of: seed) else { throw ExitCode(1) }
        } else {
            guard regressions ? runRegressions() : await sweep() else { throw ExitCode(1) }
        }
    }

    private var range: ClosedRange<UInt64> { seed.map { $0...$0 } ?? from...from + seeds - 1 }

    private func tellStory(of seed: UInt64) -> Bool {
        var options = SimulationOptions.seeded(seed, shape)
        options.keepsTrace = true
        let report = Simulation(seed: seed, options: options).run()
        for line in report.story { print(line) }
        return report.violations.isEmpty
    }

    private func runRegressions() -> Bool {
        var total = Totals()
        for regression in SimulationRegression.all {
            let report = Simulation(seed: regression.seed, options: .seeded(regression.seed, regression.shape)).run()
            total.add(report)
            if json {
                print(report.json)
            } else if !report.violations.isEmpty {
                print("\(report.failure)\n    it broke \(regression.broke)")
            }
        }
        print(json ? total.json : total.text)
        return total.failed.isEmpty
    }

    // MARK: Many seeds

    private func sweep() async -> Bool {
        var total = Totals()
        let isLive = isatty(STDERR_FILENO) == 1 && !json
        await forEachSeed({ [shape] in Simulation(seed: $0, options: .seeded($0, shape)).run() }) { report in
            total.add(report)
            if json { print(report.json) } else if !report.violations.isEmpty { print(report.failure) }
            if isLive, total.seeds % 20 == 0 {
                say("\r\(total.seeds) of \(range.count) seeds, \(total.failed.count) with violations")
            }
            return true
        }
        if isLive { say("\r\u{1B}[K") }
        print(json ? total.json : total.text)
        return total.failed.isEmpty
    }

    /// Progress, for a terminal.
    private func say(_ text: String) {
        // Standard output in order with it.
        fflush(nil)
        _ = text.withCString { write(STDERR_FILENO, $0, text.utf8.count) }
    }

    /// Runs seeds on several threads and hands the reports over in the order of the seeds, until the body has seen enough.
    private func forEachSeed(
        _ simulate: @escaping @Sendable (UInt64) -> SimulationReport, _ body: (SimulationReport) -> Bool
    ) async {
        let range = range
        let jobs = jobs ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        await withTaskGroup(of: SimulationReport.self) { group in
            var next = range.lowerBound
            var waiting: [UInt64: SimulationReport] = [:]
            var due = range.lowerBound
            func start() {
                guard next <= range.upperBound else { return }
                let seed = next
                next += 1
                group.addTask { simulate(seed) }
            }
            for _ in 0..<jobs { start() }
            while let report = await group.next() {
                waiting[report.seed] = report
                while let ready = waiting.removeValue(forKey: due) {
                    due += 1
                    guard body(ready) else { return group.cancelAll() }
                }
                start()
            }
        }
    }

    // MARK: Planted mistakes

    private func findPlanted(_ name: String) async throws -> Bool {
        #if FLUXON_PLANTING
        let mistakes =
            switch name {
            case "all": PlantedMistake.all
            case "terms": PlantedMistake.acrossTerms
            default: PlantedMistake.everything.filter { $0.name == name }
            }
        guard !mistakes.isEmpty else {
            let names = PlantedMistake.everything.map(\.name).joined(separator: ", ")
            throw ValidationError("no mistake is called \(name); there are: \(names)")
        }
        var isEachFound = true
        for mistake in mistakes {
            var finding: SimulationReport?
            await forEachSeed { [trace, shape] in
                var options = SimulationOptions.seeded($0, shape)
                options.planted = mistake
                options.keepsTrace = trace
                return Simulation(seed: $0, options: options).run()
            } _: { report in
                if trace { report.story.forEach { print($0) } }
                if !report.violations.isEmpty { finding = report }
                return finding == nil
            }
            let violation = finding?.violations.first ?? ""
            let isFound = finding != nil && mistake.isFound(by: violation)
            let text = finding.map { "found by seed \($0.seed)\(isFound ? "" : ", but not by its rule"): \(violation.firstLine)" }
            print("\(mistake.name): \(text ?? "not found")")
            fflush(nil)
            isEachFound = isEachFound && isFound
        }
        return isEachFound
        #else
        throw ValidationError("this program was built without mistakes; scripts/simulate builds it with FLUXON_PLANTING=1")
        #endif
    }
}

extension SimulationShape: ExpressibleByArgument {}

/// The sum of all seeds.
private struct Totals {
    private(set) var seeds = 0
    private(set) var failed: [UInt64] = []
    private var events = 0
    private var succeeded = 0
    private var localReads = 0

    mutating func add(_ report: SimulationReport) {
        seeds += 1
        events += report.events
        succeeded += report.succeeded
        localReads += report.localReads
        if !report.violations.isEmpty { failed.append(report.seed) }
    }

    var text: String {
        let verdict =
            failed.isEmpty ? "no violation" : "violations in \(failed.count): \(failed.prefix(20).map(String.init).joined(separator: ", "))"
        return "\(seeds) seeds, \(events) events, \(succeeded) operations (\(localReads) reads from shared memory): \(verdict)"
    }

    var json: String {
        #"{"seeds":\#(seeds),"events":\#(events),"operations":\#(succeeded),"localReads":\#(localReads),"failed":\#(failed)}"#
    }
}
