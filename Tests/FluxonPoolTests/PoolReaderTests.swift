import FluxonCore
import FluxonPool
import FluxonPoolStress
import FluxonSystem
import Synchronization
import Testing

@Suite struct PoolReaderTests {
    @Test("the cell gives what was put there last, and keeps it alive no longer")
    func replace() throws {
        let cell = PoolReaderCell()
        #expect(cell.reader == nil)
        var pair: PoolPair? = try PoolPair()
        weak let view = pair?.view
        cell.replace(pair?.view)
        #expect(cell.reader?.view === view)
        pair = nil
        #expect(view != nil)
        cell.replace(nil)
        #expect(cell.reader == nil)
        #expect(view == nil)
    }

    @Test("a value got through a reader keeps the mapping when the cell moves on")
    func valueOutlivesCell() throws {
        let cell = PoolReaderCell()
        let pair = try PoolPair()
        pair.pool.setDeadline(BootInstant(nanoseconds: .max - 1))
        try pair.put("key", [1, 2, 3])
        cell.replace(pair.view)
        let held = Array("key".utf8).withUnsafeBytes { key in cell.reader.map { $0.get(key).hit() } ?? nil }
        cell.replace(nil)
        #expect(held?.bytes == [1, 2, 3])
        held?.drop()
        #expect(pair.view.heldPins == 0)
    }

    @Test("threads read on while the view is replaced under them", .timeLimit(.minutes(1)))
    func replacedMeanwhile() throws {
        let cell = PoolReaderCell()
        let pairs = try [PoolPair(capacityBytes: 64 << 10), PoolPair(capacityBytes: 64 << 10)]
        for pair in pairs {
            pair.pool.setDeadline(BootInstant(nanoseconds: .max - 1))
            try pair.put("key", [7])
        }
        cell.replace(pairs[0].view)
        let state = ReaderState()
        let threads = try (0..<3).map { number in
            try KernelThread.start(name: "reader \(number)") {
                while !state.isOver.load(ordering: .relaxed) {
                    let value = Array("key".utf8).withUnsafeBytes { key in cell.reader.map { $0.get(key).hit() } ?? nil }
                    if value?.bytes != [7] { state.wrong.add(1, ordering: .relaxed) }
                }
            }
        }
        for round in 0..<3_000 { cell.replace(pairs[round % 2].view) }
        state.isOver.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        #expect(state.wrong.load(ordering: .relaxed) == 0)
    }
}

private final class ReaderState: Sendable {
    let isOver = Atomic(false)
    let wrong = Atomic(0)
}
