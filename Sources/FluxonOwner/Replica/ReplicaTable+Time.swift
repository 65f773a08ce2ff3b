package import FluxonCore
import HeapModule

extension ReplicaTable {
    /// When `tick` has something to do. A deadline that no longer matters may wake once for nothing.
    package var nextTimer: BootInstant? {
        let timer = timers.min?.at
        guard linkState == .open, report == nil else { return hasMoreToReport ? .zero : timer }
        return min(timer ?? nextHeartbeat, nextHeartbeat)
    }

    /// How many deadlines and pauses are kept, those of ended requests too.
    package var pendingTimerCount: Int { timers.count }

    package mutating func tick(now: BootInstant) {
        if linkState == .open, report == nil, nextHeartbeat <= now {
            isHeartbeatDue = true
            nextHeartbeat = now.advanced(by: configuration.timing.renewalInterval)
        }
        while let timer = timers.min, timer.at <= now {
            timers.removeMin()
            switch timer.subject {
            case .waiter(let waiter): expire(waiter, now: now)
            case .commit(let key, let token): expireCommit(key, token, now: now)
            case .rest(let id): wake(id)
            }
        }
    }

    /// Most of what is scheduled ends long before: what no longer matters is thrown out when it is the greater part.
    mutating func schedule(_ subject: ReplicaTimer.Subject, at time: BootInstant) {
        if timers.count > 2 * (waiters.count + unansweredCommits + fetchKeys.count) + 256 {
            timers = Heap(timers.unordered.filter { matters($0.subject) })
        }
        timerOrder += 1
        timers.insert(ReplicaTimer(at: time, order: timerOrder, subject: subject))
    }

    private func matters(_ subject: ReplicaTimer.Subject) -> Bool {
        switch subject {
        case .waiter(let waiter): return waiters[waiter] != nil
        case .commit(let key, let token):
            guard let state = keys[key] else { return false }
            return state.commit?.request.token == token || state.queued.contains { $0.token == token }
        case .rest(let fetch): return fetchKeys[fetch] != nil
        }
    }
}
