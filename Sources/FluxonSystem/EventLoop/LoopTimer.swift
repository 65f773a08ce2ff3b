package import FluxonCore

/// One call of a closure at a time; made by `EventLoop.schedule`. On the loop only.
package final class LoopTimer {
    package let deadline: BootInstant
    /// Place in the heap; -1 when it has fired or was cancelled.
    fileprivate(set) var position = -1
    private(set) var body: (() -> Void)?
    // Not weak: every retain of the loop would take the slow path. A timer that is in no heap does not touch it.
    private unowned let loop: EventLoop

    init(deadline: BootInstant, loop: EventLoop, body: @escaping () -> Void) {
        self.deadline = deadline
        self.loop = loop
        self.body = body
    }

    /// The closure will not be called and is let go of. Harmless when it has fired.
    package func cancel() {
        body = nil
        if position >= 0 { loop.removeTimer(self) }
    }

    func takeBody() -> (() -> Void)? {
        defer { body = nil }
        return body
    }
}

/// A binary heap of timers that knows each timer's place, so that cancelling costs O(log n) and leaves nothing behind:
/// most timers are deadlines of calls and are cancelled.
struct TimerHeap {
    private var timers: [LoopTimer] = []

    var first: LoopTimer? { timers.first }
    var count: Int { timers.count }

    mutating func insert(_ timer: LoopTimer) {
        timers.append(timer)
        timer.position = timers.count - 1
        siftUp(timers.count - 1)
    }

    mutating func remove(_ timer: LoopTimer) {
        let position = timer.position
        guard timers.indices.contains(position), timers[position] === timer else { return }
        timer.position = -1
        let last = timers.removeLast()
        guard last !== timer else { return }
        timers[position] = last
        last.position = position
        siftUp(position)
        siftDown(last.position)
    }

    /// The loop ends: no timer refers to it any more.
    mutating func removeAll() {
        for timer in timers { timer.position = -1 }
        timers = []
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard timers[child].deadline < timers[parent].deadline else { return }
            exchange(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < timers.count && timers[child].deadline < timers[least].deadline {
                least = child
            }
            guard least != parent else { return }
            exchange(parent, least)
            parent = least
        }
    }

    private mutating func exchange(_ left: Int, _ right: Int) {
        timers.swapAt(left, right)
        timers[left].position = left
        timers[right].position = right
    }
}
