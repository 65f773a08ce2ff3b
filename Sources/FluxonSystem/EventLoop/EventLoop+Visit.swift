internal import CLinux
internal import FluxonCore
private import Synchronization

// A caller waits for an answer where it is, beside the loop's thread: the report wakes it at once, and nobody else. Otherwise the report
// wakes the loop's thread, which wakes the thread of the caller's task: on cores that halt when idle, 25 µs each (decision 0018).
//
//     thread   asleep in epoll_wait ───────────────────────────────────────▶
//     caller   executeInPlace: sends ─▶ asleep in epoll_wait ─▶ report: turn, done
//
// The kernel wakes the waiter that came last, which is the caller.
extension EventLoop {
    /// Waits on the caller's thread until `isDone`, for `limit` at most, and does meanwhile what the kernel reports. Returns earlier when
    /// there is work for the loop's own thread. `isDone` is asked on the loop.
    ///
    /// Blocks the thread: for waits so short that giving it away costs more. On the loop itself, and beside another visitor, it
    /// returns at once.
    ///
    /// - Returns: What `isDone` said last.
    package func visit(for limit: Duration, until isDone: @escaping () -> Bool) -> Bool {
        guard !isCurrent else { return false }
        let end = now.advanced(by: limit)
        guard baton.withLockIfAvailable({ _ in beginVisit(isDone) }) == true else { return false }
        var isLeaving = false
        withUnsafeTemporaryAllocation(of: cfluxon_event.self, capacity: 16) { events in
            while !isLeaving {
                let count = waitBriefly(into: events, until: end)
                isLeaving = baton.withLock { _ in mustLeave(events.prefix(count)) || count == 0 }
            }
        }
        return baton.withLock { _ in
            isVisitDone = nil
            return isDone()
        }
    }

    private func beginVisit(_ isDone: @escaping () -> Bool) -> Bool {
        guard isRunning, isVisitDone == nil, !queue.hasWork, !isDone() else { return false }
        isVisitDone = isDone
        return true
    }

    private func waitBriefly(into events: UnsafeMutableBufferPointer<cfluxon_event>, until end: BootInstant) -> Int {
        let left = end.since(now).clampedNanoseconds
        guard left > 0, let base = events.baseAddress else { return 0 }
        return Int(cfluxon_epoll_wait_nanoseconds(epoll.number, base, CInt(events.count), left))
    }

    /// A turn for what the kernel reported to this thread.
    private func mustLeave(_ events: Slice<UnsafeMutableBufferPointer<cfluxon_event>>) -> Bool {
        guard isRunning else { return true }
        let mayStay = borrow {
            for event in events { deliver(event) }
            fireTimers()
        }
        // What somebody left in the queue is the loop's thread's; it was this one that the signal woke.
        if events.contains(where: { $0.tag == Self.wakeTag }) {
            queue.wake()
            return true
        }
        return !mayStay || isVisitDone?() ?? true
    }
}
