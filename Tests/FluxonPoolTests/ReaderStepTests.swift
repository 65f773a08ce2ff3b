import FluxonCore
import Testing

@testable import FluxonPool

/// P3 with the reader stopped between its steps while the owner works: each rule that the order of the steps is there for.
@Suite struct ReaderStepTests {
    private let before = BootInstant(nanoseconds: 1)
    private let after = BootInstant(nanoseconds: 2_000)

    private func read(_ pair: PoolPair, upTo step: SteppedRead.Step) throws -> SteppedRead {
        var read = SteppedRead(pair.view, try Key("key"))
        while read.next != step { read.advance(now: before) }
        return read
    }

    @Test("steps end where the fast path ends")
    func sameAnswers() throws {
        let pair = try PoolPair()
        try pair.put("key", [1, 2])
        #expect(SteppedRead(pair.view, try Key("key")).finish(now: before).copied == [1, 2])
        #expect(SteppedRead(pair.view, try Key("no")).finish(now: before).kind() == .miss)
        #expect(SteppedRead(pair.view, try Key("key")).finish(now: after).kind() == .notCurrent)
        #expect(SteppedRead(pair.view, try Key("key"), .local).finish(now: after).kind() == .hit)
        #expect(pair.view.heldPins == 0)
    }

    @Test(
        "a copy retired while the reader stands before its second look is not returned, wherever it stood",
        arguments: [SteppedRead.Step.pin, .loadDeadline, .readClock, .lookAgain])
    func retiredMeanwhile(step: SteppedRead.Step) throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1])
        let stopped = try read(pair, upTo: step)
        _ = pair.pool.retire(entry)
        pair.pool.makeRetirementsVisible()
        #expect(stopped.finish(now: before).kind() == .miss)
        #expect(pair.view.heldPins == 0)
    }

    @Test(
        "an entry reused for another key while the reader was stopped is never mistaken for the first",
        arguments: [SteppedRead.Step.pin, .loadDeadline, .readClock, .lookAgain])
    func reusedMeanwhile(step: SteppedRead.Step) throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1])
        let stopped = try read(pair, upTo: step)
        let copy = try #require(pair.pool.retire(entry))
        try pair.pool.release(copy.extent)
        let isPinned = step != .pin
        #expect(pair.pool.collect() == (isPinned ? 0 : 1), "a pin keeps the entry even before it is validated")
        let other = try pair.put("other", [2])
        #expect((other.index == entry.index) == !isPinned)
        #expect(stopped.finish(now: before).kind() == .miss)
    }

    @Test(
        "overwritten while the reader was stopped: the reader returns the new value, for its get takes effect later",
        arguments: [SteppedRead.Step.pin, .lookAgain])
    func overwrittenMeanwhile(step: SteppedRead.Step) throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1])
        let stopped = try read(pair, upTo: step)
        _ = pair.pool.retire(entry)
        try pair.put("key", [2], version: 2)
        #expect(stopped.finish(now: before).copied == [2])
    }

    @Test("P4: a reader stopped before the clock for longer than the lease is refused")
    func stoppedBeforeTheClock() throws {
        let pair = try PoolPair()
        try pair.put("key", [1])
        let stopped = try read(pair, upTo: .readClock)
        #expect(stopped.finish(now: after).kind() == .notCurrent)
    }

    @Test("P4: a lease that ran out and was renewed while the reader stood between clock and second look does not hide an overwrite")
    func stoppedAfterTheClock() throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1])
        let stopped = try read(pair, upTo: .lookAgain)
        // The owner was cut off, the key overwritten elsewhere; back again, it applies the invalidation before the grant (L2).
        _ = pair.pool.retire(entry)
        pair.pool.makeRetirementsVisible()
        pair.pool.setDeadline(BootInstant(nanoseconds: 10_000))
        #expect(stopped.finish(now: after).kind() == .miss)
    }

    @Test("after the second look the value is the reader's, whatever happens to the key")
    func validatedPin() throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1])
        let stopped = try read(pair, upTo: .readFields)
        let copy = try #require(pair.pool.retire(entry))
        try pair.pool.release(copy.extent)
        #expect(pair.pool.collect() == 0)
        #expect(stopped.finish(now: after).copied == [1])
        #expect(pair.pool.collect() == 1)
    }

    @Test(
        "R1: a reader stopped anywhere gets nothing from a pool that was fenced meanwhile",
        arguments: [SteppedRead.Step.pin, .loadDeadline, .lookAgain])
    func fencedMeanwhile(step: SteppedRead.Step) throws {
        let pair = try PoolPair()
        try pair.put("key", [1])
        let stopped = try read(pair, upTo: step)
        pair.pool.fence()
        #expect(stopped.finish(now: before).kind() == .epochChanged)
    }

    @Test("a read that is given up drops its pin", arguments: [SteppedRead.Step.pin, .loadDeadline, .readFields])
    func givenUp(step: SteppedRead.Step) throws {
        let pair = try PoolPair()
        try pair.put("key", [1])
        _ = try read(pair, upTo: step)
        #expect(pair.view.heldPins == 0)
    }
}
