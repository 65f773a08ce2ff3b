package import FluxonCore
import HeapModule

extension ReplicaTable {
    /// When `tick` has something to do. A deadline that no longer matters may wake once for nothing.
    package var nextTimer: BootInstant? {
        let timer = timers.min?.at
        guard linkState == .open, report == nil else { return timer }
        return min(timer ?? nextHeartbeat, nextHeartbeat)
    }

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

    mutating func schedule(_ subject: ReplicaTimer.Subject, at time: BootInstant) {
        timerOrder += 1
        timers.insert(ReplicaTimer(at: time, order: timerOrder, subject: subject))
    }
}
