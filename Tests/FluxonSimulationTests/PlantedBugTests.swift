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

    @Test(
        "a planted mistake is found",
        arguments: [
            Bug.replica(.skipInvalidation), .replica(.deadlineFromArrival), .replica(.joinDetachedFetch), .replica(.takeWithoutValidity),
            .routing(.completeBeforeConfirm), .routing(.exposeEarly), .routing(.openAtOnce), .routing(.trustBypassed),
            .routing(.bypassWithoutRoster), .reader(.deadlineLast),
        ])
    func found(bug: Bug) {
        var firstSeed: UInt64?
        var violation = ""
        for seed in 1...150 as ClosedRange<UInt64> where firstSeed == nil {
            var options = SimulationOptions.seeded(seed)
            switch bug {
            case .replica(let bug): options.replicaBug = bug
            case .routing(let bug): options.routingBug = bug
            case .reader(let bug): options.readerBug = bug
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
