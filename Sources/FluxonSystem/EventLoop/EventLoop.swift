internal import CLinux
package import FluxonCore
internal import Synchronization

/// One thread that waits for descriptors, timers and work, and runs actors and tasks in between (DESIGN §3).
///
/// A turn: reports of the kernel, due timers, jobs and closures until none is left, then the work for the turn's end (flushes).
/// Methods marked "loop only" trap elsewhere. `stop` it before letting go of it, after everything that uses it.
///
/// Being "on the loop" means to hold its baton. Its thread holds it through each turn and lets go of it to sleep; meanwhile another
/// thread may borrow it for one piece of work (`executeInPlace`), which saves waking this one:
///
///     thread   turn ──lets go──▶ asleep in epoll_wait ──takes it──▶ turn
///     caller                       └─ borrows it: work, flush ─┘
///
/// and may wait there for what comes of it (`EventLoop+Visit`).
package final class EventLoop: @unchecked Sendable {
    // SAFETY: the variables below `baton` are touched by its holder alone (or before `start`); each entry checks that.
    package let name: String
    package let serialExecutor: LoopSerialExecutor
    package let taskExecutor: LoopTaskExecutor
    let queue: LoopQueue
    let epoll: Descriptor
    private let timerDescriptor: Descriptor

    private enum Phase: Sendable { case new, running(KernelThread), stopped }
    private let phase = Mutex(Phase.new)
    private let mustStop = Atomic<Bool>(false)

    let baton = Mutex(())
    /// Whether the thread is between its start and its end: only then may the baton be borrowed.
    var isRunning = false
    /// Another thread that waits for reports like the loop's own: whether it has what it waits for.
    var isVisitDone: (() -> Bool)?
    private var handlers = HandlerTable()
    private var timers = TimerHeap()
    /// What the timer descriptor is set to; later than needed never, earlier possibly.
    private var armedDeadline: BootInstant?
    private var turnEnd: [() -> Void] = []
    private var afterFlushes: [() -> Void] = []
    private var nextTurn: [() -> Void] = []
    /// Empty; its memory is used again.
    private var spareTurn: [() -> Void] = []

    static let wakeTag = UInt64.max
    private static let timerTag = UInt64.max - 1
    /// Rounds of jobs before the kernel is asked again, so that jobs that make jobs starve no descriptor.
    private static let roundsPerTurn = 64

    package init(name: String) throws(SystemError) {
        self.name = name
        queue = try LoopQueue()
        serialExecutor = LoopSerialExecutor(queue: queue)
        taskExecutor = LoopTaskExecutor(queue: queue)
        epoll = Descriptor(owning: try checked(cfluxon_epoll_create(), "make an epoll set"))
        timerDescriptor = Descriptor(owning: try checked(cfluxon_timerfd_create(), "make a timer"))
        let edge = UInt32(cfluxon_event_readable) | UInt32(cfluxon_event_edge)
        _ = try checked(cfluxon_epoll_add(epoll.number, queue.wakeDescriptor.number, edge, Self.wakeTag), "watch an eventfd")
        _ = try checked(cfluxon_epoll_add(epoll.number, timerDescriptor.number, edge, Self.timerTag), "watch a timer")
    }

    /// A loop that runs already.
    package static func started(name: String) throws(SystemError) -> EventLoop {
        let loop = try EventLoop(name: name)
        try loop.start()
        return loop
    }

    /// Starts the thread. Work added before waits for it.
    package func start() throws(SystemError) {
        try phase.withLock { phase throws(SystemError) in
            guard case .new = phase else { preconditionFailure("the loop \(name) was started twice") }
            phase = .running(try KernelThread.start(name: name) { self.run() })
        }
    }

    /// Runs what already waits, ends the thread and joins it. From the loop itself: ends after this turn, without joining.
    package func stop() {
        let thread: KernelThread? = phase.withLock { phase in
            defer { phase = .stopped }
            if case .running(let thread) = phase { return thread }
            return nil
        }
        mustStop.store(true, ordering: .releasing)
        queue.wake()
        if isCurrent { thread?.detach() } else { thread?.join() }
    }

    /// Whether the caller runs on this loop's thread.
    package var isCurrent: Bool { queue.isCurrent }

    /// A fresh reading of the clock.
    package var now: BootInstant { BootClock.now }

    /// Runs `work` on the loop, after what was added before. From any thread.
    package func execute(_ work: @escaping @Sendable () -> Void) { queue.add(.closure(work)) }

    /// Runs `work` on the loop: at once on the caller's thread when the loop sleeps, else like `execute`. For work that ends in a
    /// message, which is sent before this returns. From any thread; `work` must not wait for anything.
    package func executeInPlace(_ work: @escaping @Sendable () -> Void) {
        let isDone: Void? =
            isCurrent
            ? nil
            : baton.withLockIfAvailable { _ in
                guard isRunning, !queue.hasWork else {
                    queue.add(.closure(work))
                    return
                }
                borrow(work)
            }
        if isDone == nil { queue.add(.closure(work)) }
    }

    /// With the baton: `work` and what follows from it, in the place of the loop's thread.
    ///
    /// - Returns: False when something is left for that thread, which is woken then.
    @discardableResult
    func borrow(_ work: () -> Void) -> Bool {
        queue.setOwner(KernelThread.currentIdentifier)
        defer { queue.setOwner(0) }
        work()
        endTurn()
        guard maySleep else {
            queue.wake()
            return false
        }
        armTimer()
        return true
    }

    /// Runs `body` on the loop and gives back what it returns: the way for tests and other threads to use loop-only interfaces.
    package func perform<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        if isCurrent { return try body() }
        return try await withCheckedThrowingContinuation { continuation in
            execute { continuation.resume(with: Result { try body() }) }
        }
    }

    /// Suspends until `deadline`, or throws `CancellationError` at once when the task is cancelled. From any thread.
    package func sleep(until deadline: BootInstant) async throws {
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                execute { sleeper.start(continuation, deadline: deadline, on: self) }
            }
        } onCancel: {
            execute { sleeper.cancel() }
        }
    }

    package func sleep(for duration: Duration) async throws { try await sleep(until: now.advanced(by: duration)) }

    // MARK: Loop only

    /// Calls `body` once, at the end of this turn: after everything that was ready, before the loop sleeps.
    package func atEndOfTick(_ body: @escaping () -> Void) {
        checkCurrent()
        turnEnd.append(body)
    }

    /// Calls `body` once, in this turn, when everything else of it is done and what it had to say is sent.
    package func afterFlushes(_ body: @escaping () -> Void) {
        checkCurrent()
        afterFlushes.append(body)
    }

    /// Calls `body` once, in the next turn: after the kernel was asked for reports. For work that goes on and lets others have a turn.
    package func inNextTick(_ body: @escaping () -> Void) {
        checkCurrent()
        nextTurn.append(body)
    }

    /// Calls `body` once, not before `deadline`; at once (next turn) for one that has passed.
    package func schedule(at deadline: BootInstant, _ body: @escaping () -> Void) -> LoopTimer {
        checkCurrent()
        let timer = LoopTimer(deadline: deadline, loop: self, body: body)
        timers.insert(timer)
        return timer
    }

    package func schedule(after delay: Duration, _ body: @escaping () -> Void) -> LoopTimer {
        schedule(at: now.advanced(by: delay), body)
    }

    /// Watches a descriptor. `handler` runs on the loop for each report.
    package func register(
        _ descriptor: CInt, _ interest: Interest, handler: @escaping (Readiness) -> Void
    ) throws(SystemError) -> Registration {
        checkCurrent()
        let tag = handlers.add(handler)
        let result = cfluxon_epoll_add(epoll.number, descriptor, interest.rawValue, tag)
        if result < 0 { handlers.remove(tag) }
        _ = try checked(result, "watch the descriptor \(descriptor)")
        return Registration(descriptor: descriptor, interest: interest, tag: tag, loop: self)
    }

    func modifyRegistration(descriptor: CInt, interest: Interest, tag: UInt64) throws(SystemError) {
        checkCurrent()
        _ = try checked(cfluxon_epoll_modify(epoll.number, descriptor, interest.rawValue, tag), "watch the descriptor \(descriptor)")
    }

    func removeRegistration(descriptor: CInt, tag: UInt64) {
        checkCurrent()
        guard handlers.remove(tag) else { return }
        _ = cfluxon_epoll_remove(epoll.number, descriptor)
    }

    func removeTimer(_ timer: LoopTimer) {
        checkCurrent()
        timers.remove(timer)
    }

    private func checkCurrent() { precondition(isCurrent, "called off the loop \(name)") }

    // MARK: The thread

    private func run() {
        withUnsafeTemporaryAllocation(of: cfluxon_event.self, capacity: 256) { events in
            var sleeps = baton.withLock { _ in begin() }
            while !mustStop.load(ordering: .acquiring) {
                let count = wait(into: events, sleeps: sleeps)
                sleeps = baton.withLock { _ in turn(events.prefix(count)) }
            }
            baton.withLock { _ in end() }
        }
    }

    private func begin() -> Bool {
        isRunning = true
        return false
    }

    /// Returns whether the thread may sleep now.
    private func turn(_ events: Slice<UnsafeMutableBufferPointer<cfluxon_event>>) -> Bool {
        queue.setOwner(KernelThread.currentIdentifier)
        for event in events { deliver(event) }
        runNextTurn()
        fireTimers()
        runWork()
        // The visitor sleeps beside this thread, and the kernel woke this one.
        if let isVisitDone, isVisitDone() { queue.wake() }
        let sleeps = maySleep && queue.prepareToSleep()
        if sleeps { armTimer() }
        return sleeps
    }

    private func end() {
        queue.setOwner(KernelThread.currentIdentifier)
        queue.end()
        runWork()
        isRunning = false
        if isVisitDone != nil { queue.wake() }
        queue.setOwner(0)
        // Handlers may hold what holds the loop.
        handlers = HandlerTable()
        timers.removeAll()
        turnEnd = []
        afterFlushes = []
        nextTurn = []
    }

    /// Whether nothing waits for the loop itself; other threads may have left something.
    private var maySleep: Bool { turnEnd.isEmpty && afterFlushes.isEmpty && nextTurn.isEmpty && !queue.hasLocalWork }

    private func wait(into events: UnsafeMutableBufferPointer<cfluxon_event>, sleeps: Bool) -> Int {
        guard let base = events.baseAddress else { return 0 }
        let count = cfluxon_epoll_wait(epoll.number, base, CInt(events.count), sleeps ? -1 : 0)
        if sleeps { queue.wakeUp() }
        precondition(count >= 0, "epoll_wait failed: \(SystemError.message(-count))")
        return Int(count)
    }

    func deliver(_ event: cfluxon_event) {
        switch event.tag {
        case Self.wakeTag: break
        case Self.timerTag: armedDeadline = nil
        default: handlers.handler(of: event.tag)?(Readiness(rawValue: event.events))
        }
    }

    /// A cancelled earliest timer leaves the descriptor set: one idle wake-up is cheaper than a system call per cancelled deadline.
    private func armTimer() {
        guard let first = timers.first else { return }
        if let armedDeadline, armedDeadline <= first.deadline { return }
        // Zero would disarm.
        let result = cfluxon_timerfd_set(timerDescriptor.number, max(first.deadline.nanoseconds, 1))
        precondition(result >= 0, "timerfd_settime failed: \(SystemError.message(-result))")
        armedDeadline = first.deadline
    }

    private func runNextTurn() {
        guard !nextTurn.isEmpty else { return }
        var bodies: [() -> Void] = []
        swap(&bodies, &spareTurn)
        swap(&bodies, &nextTurn)
        for body in bodies { body() }
        bodies.removeAll(keepingCapacity: true)
        swap(&bodies, &spareTurn)
    }

    func fireTimers() {
        guard timers.first != nil else { return }
        let now = now
        while let first = timers.first, first.deadline <= now {
            timers.remove(first)
            first.takeBody()?()
        }
    }

    private func runWork() {
        for _ in 0..<Self.roundsPerTurn {
            var didWork = false
            var budget = 4096
            while budget > 0, let work = queue.next() {
                perform(work)
                didWork = true
                budget -= 1
            }
            if endOfTick() { didWork = true }
            if !didWork { return }
        }
    }

    /// What the turn's end is for, in rounds: each may make more. Jobs and closures that come of it wait.
    private func endTurn() {
        for _ in 0..<Self.roundsPerTurn where !endOfTick() { return }
    }

    /// One round. Returns whether there was any.
    private func endOfTick() -> Bool {
        var bodies: [() -> Void] = []
        swap(&bodies, &turnEnd)
        if bodies.isEmpty { swap(&bodies, &afterFlushes) }
        for body in bodies { body() }
        return !bodies.isEmpty
    }

    private func perform(_ work: LoopQueue.Work) {
        switch work {
        case .serial(let job):
            job.runSynchronously(
                isolatedTo: serialExecutor.asUnownedSerialExecutor(), taskExecutor: taskExecutor.asUnownedTaskExecutor())
        case .task(let job): job.runSynchronously(on: taskExecutor.asUnownedTaskExecutor())
        case .closure(let body): body()
        }
    }
}
