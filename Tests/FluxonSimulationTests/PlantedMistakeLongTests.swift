#if FLUXON_PLANTING
import FluxonSimulation
import Testing

/// Does the simulator find mistakes? The seeds are those of the normal run, which pass without them.
@Suite struct PlantedMistakeLongTests {
    @Test("a planted mistake is found within 200 seeds, by the invariants that stand for its rule", arguments: PlantedMistake.all)
    func found(mistake: PlantedMistake) {
        guard let invariants = Self.finders[mistake.name] else {
            Issue.record("\(mistake.name) has no line in the table")
            return
        }
        for seed in 1...200 as ClosedRange<UInt64> {
            var options = SimulationOptions.seeded(seed)
            options.planted = mistake
            guard let violation = Simulation(seed: seed, options: options).run().violations.first else { continue }
            #expect(invariants.contains { violation.hasPrefix($0 + ":") }, "\(mistake.name) at seed \(seed): \(violation)")
            return
        }
        Issue.record("\(mistake.name) is not found in 200 seeds")
    }

    /// The invariants that stand for the rule which each breaks.
    private static let finders: [String: [String]] = [
        "skipInvalidation": ["I5", "I2", "I6"], "completeBeforeConfirm": ["I5", "I2", "I6"], "exposeEarly": ["I8"],
        "deadlineFromArrival": ["I2", "I5", "I11"], "joinDetachedFetch": ["I11"], "takeWithoutValidity": ["I8"],
        "returnEarly": ["I8", "I9", "I2", "anomaly"], "replayUnexposed": ["I8"], "dropReplaced": ["I9"],
        "bypassWithoutRoster": ["I7", "I9", "I11", "I2", "anomaly"], "trustBypassed": ["I9", "I11", "I2", "I8", "anomaly"],
        "actWithoutAuthority": ["I7", "I9", "I5", "I2", "I1", "I11"], "openAtOnce": ["I7"],
        "reusePinned": ["I4"], "reuseBeforeUnmap": ["I10", "I4"], "closeIsDeath": ["I10", "I4"],
        "deadlineLast": ["I11"], "lookBeforePin": ["I11", "I4", "I1"], "noLastLook": ["I11", "I4", "I1"],
    ]
}
#endif
