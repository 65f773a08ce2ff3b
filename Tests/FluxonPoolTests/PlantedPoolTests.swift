#if FLUXON_PLANTED_PINS
import FluxonPool
import FluxonPoolStress
import FluxonSystem
import Testing

/// The stress finds the mistakes that need real memory, in a build in which they can be planted (scripts/sanitize planted). The readers
/// are processes of their own, as in `PoolProcessTests`.
@Suite(.serialized) struct PlantedPoolTests {
    @Test("each planted mistake is found within 30 seconds", .timeLimit(.minutes(2)), arguments: PlantedPinMistake.allCases)
    func mistake(_ bug: PlantedPinMistake) throws {
        PlantedPinMistake.plant(bug)
        defer { PlantedPinMistake.plant(nil) }
        #expect(try firstProblem(within: .seconds(30), bug) != nil)
    }

    @Test("without a mistake the same run finds nothing")
    func nothing() throws { #expect(try firstProblem(within: .seconds(5), nil) == nil) }

    private func firstProblem(within duration: Duration, _ bug: PlantedPinMistake?) throws -> String? {
        let pool = try Pool(PoolStorage.anonymous(capacityBytes: 1 << 20, hashSeed: 5), epoch: 1)
        let board = try StressBoard(objects: 64)
        var owner = try StressOwner(pool, board, seed: 23)
        let readers = try (1...3).map {
            try ReaderProcess(
                pool, board, process: $0, ["read", "\(duration.components.seconds * 2000)", "\(bug?.rawValue ?? 0)"])
        }
        defer { for reader in readers { try? reader.child.process.signal(9) } }
        try owner.work(for: duration, stopping: readers, each: .milliseconds(3)) {
            readers.contains { (try? $0.hasSpoken()) ?? true }
        }
        return try readers.first { try $0.hasSpoken() }?.line()
    }
}
#endif
