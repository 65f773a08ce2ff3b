import FluxonMaster
import FluxonOwner
import Testing

/// Does the simulator find mistakes? Each planted one must be found within a few seeds; the seeds are those of the normal run, which
/// pass without it.
@Suite struct PlantedBugTests {
    enum Bug: Hashable, Sendable {
        case replica(PlantedReplicaBug)
        case routing(PlantedRoutingBug)
        case reader(PlantedReaderBug)
    }

    /// Rare ones start near a seed that is known to find them, so that the normal run stays short.
    @Test(
        "a planted mistake is found",
        arguments: [
            (Bug.replica(.skipInvalidation), 1), (.replica(.deadlineFromArrival), 1), (.replica(.joinDetachedFetch), 1),
            (.routing(.completeBeforeConfirm), 1), (.routing(.exposeEarly), 1),
            (.routing(.openAtOnce), 1), (.routing(.trustBypassed), 38), (.routing(.bypassWithoutRoster), 30), (.reader(.deadlineLast), 74),
        ] as [(Bug, UInt64)])
    func found(bug: Bug, start: UInt64) {
        var firstSeed: UInt64?
        var violation = ""
        for seed in start...start + 150 where firstSeed == nil {
            var options = SimulationOptions.seeded(seed)
            switch bug {
            case .replica(let bug): options.replicaBug = bug
            case .routing(let bug): options.routingBug = bug
            case .reader(let bug):
                options.readerBug = bug
                options.readerStops = 4
            }
            if let first = Simulation(seed: seed, options: options).run().first {
                firstSeed = seed
                violation = first
            }
        }
        #expect(firstSeed != nil, "\(bug) was not found in 150 seeds")
        SimulationTests.note("planted \(bug): seed \(firstSeed ?? 0): \(violation.prefix(160))")
    }
}
