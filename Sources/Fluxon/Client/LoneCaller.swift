internal import Synchronization

/// Whether a call may wait on its own thread instead of giving it away (decision 0018): only for a task that makes one call after the
/// other while nobody else has one under way, and only as long as answers come in time.
///
///     another task's call, or others under way ─▶ suspends        answer in time ─▶ the next one waits again
///     the same task's next call, alone ─▶ waits ──── too late ──▶ the next one suspends, then 2, 4, … until one is in time
final class LoneCaller: Sendable {
    /// Longest time for which a thread is kept. An answer of a master on the same host or network takes less.
    static let patience = Duration.microseconds(300)
    private static let longestPause = 64

    private let lastTask = Atomic<Int>(0)
    /// How many calls suspend before one waits again, and how many did the last time.
    private let pausing = Atomic<Int>(0)
    private let lastPause = Atomic<Int>(0)

    /// Asked by each call, in its task; `others` are under way.
    func mayWait(beside others: Int) -> Bool {
        mayWait(task: withUnsafeCurrentTask { $0?.hashValue ?? 0 }, beside: others)
    }

    /// The same for a task by its number, 0 outside of any.
    func mayWait(task: Int, beside others: Int) -> Bool {
        let isSame = lastTask.exchange(task, ordering: .relaxed) == task
        guard isSame, task != 0, others == 0 else { return false }
        guard pausing.load(ordering: .relaxed) > 0 else { return true }
        pausing.wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    func waited(_ hadAnswer: Bool) {
        let pause = hadAnswer ? 0 : min(max(lastPause.load(ordering: .relaxed) * 2, 1), Self.longestPause)
        lastPause.store(pause, ordering: .relaxed)
        pausing.store(pause, ordering: .relaxed)
    }
}
