internal import CLinux
internal import DequeModule
internal import Synchronization

/// What waits to run on a loop. Apart from the loop, so that executors can live on without it.
///
/// Two queues: `local` is touched by the loop's thread alone and costs nothing; `inbox` takes work from other threads under a mutex.
final class LoopQueue: @unchecked Sendable {
    enum Work: Sendable {
        case serial(UnownedJob)
        case task(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private struct Inbox: ~Copyable {
        var work: [Work] = []
        /// The loop is, or is about to be, in epoll_wait without a timeout of zero: who adds work must signal.
        var isAsleep = false
        /// The thread has ended, or will without looking here again.
        var hasEnded = false
    }

    // SAFETY: `local` is only touched under the loop's baton, by the thread whose identifier is in `owner`. All else is immutable, atomic or under the mutex.
    private var local = Deque<Work>()
    private let inbox = Mutex(Inbox())
    private let hasInbox = Atomic<Bool>(false)
    private let owner = Atomic<UInt>(0)
    let wakeDescriptor: Descriptor

    init() throws(SystemError) {
        wakeDescriptor = Descriptor(owning: try checked(cfluxon_eventfd_create(), "make an eventfd"))
    }

    var isCurrent: Bool { owner.load(ordering: .relaxed) == KernelThread.currentIdentifier }

    /// Loop only: work that no other thread has left.
    var hasLocalWork: Bool { !local.isEmpty }
    /// Loop only.
    var hasWork: Bool { !local.isEmpty || hasInbox.load(ordering: .acquiring) }

    /// Only by who holds the loop's baton.
    func setOwner(_ identifier: UInt) { owner.store(identifier, ordering: .relaxed) }

    /// - Returns: false when the loop has ended: nobody would run it.
    @discardableResult func add(_ work: Work) -> Bool {
        if isCurrent {
            local.append(work)
            return true
        }
        let (mustWake, hasEnded) = inbox.withLock { inbox in
            guard !inbox.hasEnded else { return (false, true) }
            inbox.work.append(work)
            defer { inbox.isAsleep = false }
            return (inbox.isAsleep, false)
        }
        guard !hasEnded else { return false }
        hasInbox.store(true, ordering: .releasing)
        if mustWake { wake() }
        return true
    }

    /// Loop only, once: what comes from other threads afterwards is refused; what they left before is still to be run.
    func end() { inbox.withLock { $0.hasEnded = true } }

    func wake() { _ = cfluxon_eventfd_signal(wakeDescriptor.number) }

    /// Loop only. The next piece of work, nil when nothing waits.
    func next() -> Work? {
        if hasInbox.load(ordering: .acquiring) { takeInbox() }
        return local.popFirst()
    }

    /// Loop only. False when another thread has left work after all, and the loop must not sleep.
    func prepareToSleep() -> Bool {
        inbox.withLock { inbox in
            inbox.isAsleep = inbox.work.isEmpty
            return inbox.isAsleep
        }
    }

    /// Loop only.
    func wakeUp() { inbox.withLock { $0.isAsleep = false } }

    private func takeInbox() {
        hasInbox.store(false, ordering: .relaxed)
        var taken: [Work] = []
        inbox.withLock { swap(&$0.work, &taken) }
        local.append(contentsOf: taken)
    }
}
