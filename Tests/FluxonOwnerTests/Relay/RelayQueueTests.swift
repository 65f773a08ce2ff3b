import FluxonCore
import FluxonTransfer
import Testing

@testable import FluxonOwner

/// Who may have how much of a relay's memory, and in which order.
@Suite struct RelayQueueTests {
    private var queue = RelayQueue(limitBytes: 10, waitingLimit: 6)

    private func asker(_ name: String) -> Asker { Asker(instance: InstanceKey(name), generation: Generation(1)) }

    private mutating func submit(_ name: String, _ count: Int = 5) -> RelayQueue.Request? { queue.submit(asker(name), byteCount: count) }

    private mutating func withdraw(_ request: RelayQueue.Request) -> Bool { queue.withdraw(request) }
    private mutating func ready() -> [String] { queue.takeReady().map { "\($0.asker.instance)\($0.number)" } }

    @Test("what is held never exceeds the limit, and the next comes in when something is given back")
    mutating func bound() throws {
        let first = try #require(submit("a"))
        _ = submit("a")
        _ = submit("a")
        #expect(ready() == ["a0", "a1"])
        #expect(queue.heldBytes == 10 && queue.waitingCount == 1)
        #expect(ready() == [])
        queue.finished(first)
        queue.finished(first)
        #expect(queue.heldBytes == 5, "given back once, however often it is said")
        #expect(ready() == ["a2"])
    }

    @Test("askers take turns, whoever asked more or earlier; each keeps its own order")
    mutating func fair() {
        for _ in 0..<3 { _ = submit("a", 2) }
        _ = submit("b", 2)
        _ = submit("c", 2)
        #expect(ready() == ["a0", "b3", "c4", "a1", "a2"])
    }

    @Test("a request that does not fit yet is not passed by smaller ones")
    mutating func noPassing() throws {
        let first = try #require(submit("a", 8))
        #expect(ready() == ["a0"])
        _ = submit("b", 5)
        _ = submit("c", 1)
        #expect(ready() == [])
        queue.finished(first)
        #expect(ready() == ["b1", "c2"])
    }

    @Test("one that is withdrawn waits no more, and one that holds cannot be withdrawn")
    mutating func withdrawal() throws {
        let first = try #require(submit("a", 10))
        let second = try #require(submit("b"))
        _ = submit("b")
        #expect(ready() == ["a0"])
        #expect(!withdraw(first))
        #expect(withdraw(second))
        #expect(!withdraw(second))
        queue.finished(first)
        #expect(ready() == ["b2"])
        #expect(queue.waitingCount == 0)
    }

    @Test("a line that is full, and a request beyond the whole memory, are refused at once")
    mutating func refusals() {
        #expect(submit("a", 11) == nil)
        for _ in 0..<6 { #expect(submit("a", 10) != nil) }
        #expect(submit("b", 1) == nil)
        var none = RelayQueue(limitBytes: 0, waitingLimit: 6)
        let refused = none.submit(asker("a"), byteCount: 1)
        #expect(refused == nil)
    }
}
