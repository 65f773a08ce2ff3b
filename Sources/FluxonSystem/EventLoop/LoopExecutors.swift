/// Runs actors on a loop: `nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }`.
///
/// An actor pinned here may be called synchronously from any raw callback of the loop: `actor.assumeIsolated { … }`.
package final class LoopSerialExecutor: SerialExecutor {
    private let queue: LoopQueue

    init(queue: LoopQueue) { self.queue = queue }

    package func enqueue(_ job: consuming ExecutorJob) { queue.add(.serial(UnownedJob(job))) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func checkIsolated() { precondition(queue.isCurrent, "called off the loop that this actor lives on") }

    package func isIsolatingCurrentContext() -> Bool? { queue.isCurrent }
}

/// Runs tasks on a loop: `Task(executorPreference: loop.taskExecutor) { … }`.
///
/// An object of its own: one class in both roles loses the runtime's fast path between actors of one executor (256 instead of 45 ns).
package final class LoopTaskExecutor: TaskExecutor {
    private let queue: LoopQueue

    init(queue: LoopQueue) { self.queue = queue }

    /// A task may outlive the loop that it prefers: it goes on where tasks without a preference run.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if !queue.add(.task(job)) { globalConcurrentExecutor.enqueue(job) }
    }

    package func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
}
