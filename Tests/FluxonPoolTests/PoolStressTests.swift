import FluxonCore
import FluxonPool
import FluxonPoolStress
import FluxonSystem
import Synchronization
import Testing

/// Real threads over real mappings: see `StressReader` for what is checked. The one that the thread sanitizer can judge.
@Suite struct PoolStressTests {
    @Test("readers check every byte while the owner reuses entries and extents and loses its validity", .timeLimit(.minutes(1)))
    func readersAgainstOwner() throws {
        let pool = try Pool(PoolStorage.anonymous(capacityBytes: 1 << 20, hashSeed: 5), epoch: 1)
        let board = try StressBoard(objects: 64)
        var owner = try StressOwner(pool, board, seed: 11)
        let state = StressState()
        var threads: [KernelThread] = []
        for number in 1...3 as ClosedRange<UInt64> {
            let attachment = try pool.attach(process: number, canPut: false)
            let view = try PoolView(
                pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
            threads.append(try KernelThread.start(name: "reader \(number)") { state.read(view, board, seed: number) })
        }
        try owner.work(for: .seconds(2)) { state.isOver.load(ordering: .relaxed) }
        state.isOver.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        #expect(state.problem.withLock { $0 } == nil)
        #expect(state.hits.load(ordering: .relaxed) > 1_000)
        pool.collect()
        #expect(pool.retiredCount == 0)
        #expect(pool.statistics.liveExtents == pool.statistics.publishedEntries)
    }
}

/// What the threads of a stress test share.
private final class StressState: Sendable {
    let isOver = Atomic(false)
    let hits = Atomic(0)
    let problem = Mutex<String?>(nil)

    func read(_ view: PoolView, _ board: StressBoard, seed: UInt64) {
        guard var reader = try? StressReader(view, board, seed: seed) else { return report("no reader") }
        while !isOver.load(ordering: .relaxed) {
            if let problem = reader.step() { return report(problem) }
        }
        hits.add(reader.hits, ordering: .relaxed)
        if let problem = reader.end() { report(problem) }
    }

    private func report(_ text: String) {
        problem.withLock { $0 = $0 ?? text }
        isOver.store(true, ordering: .relaxed)
    }
}
