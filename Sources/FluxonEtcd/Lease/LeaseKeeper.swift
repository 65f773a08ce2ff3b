package import FluxonCore

/// When to send which keep-alive of one lease: the rules, without stream or clock. The caller performs the effects in order.
///
///     waiting ──due──▶ asking ──answer──▶ waiting        asking ──no answer in time──▶ waiting (on a new stream, at once)
///        any ──stream ended──▶ waiting (new stream after a pause that grows)         any ──answer with TTL 0──▶ lost
///
/// A stall of the holder or of etcd costs nothing by itself: the lease counts as lost only when etcd says so.
package struct LeaseKeeper: Sendable {
    package enum Effect: Hashable, Sendable {
        /// End the stream, if there is one, and open another, at the next endpoint.
        case reopen
        /// Send a keep-alive on the stream.
        case send
        /// etcd does not know the lease any more. Comes once, and nothing after it.
        case lost
    }

    private enum State: Hashable, Sendable { case waiting(until: BootInstant), asking(since: BootInstant), lost }

    /// First pause before a stream is opened again; it doubles up to `interval`.
    private static let firstPause = Duration.milliseconds(50)

    private let ttl: Duration
    private var state: State
    private var hasStream = false
    /// Without chance: one process keeps few leases, and what this returns is a rule.
    private var backoff: Backoff
    /// Until when etcd surely keeps the lease, going by its last answer, and counted from when the question was sent.
    package private(set) var confirmedUntil: BootInstant

    /// - Parameter granted: When the grant was sent.
    package init(ttl: Duration, granted: BootInstant) {
        // What an etcd tells is seconds from 1 up; without a least time there would be no pause between keep-alives.
        let ttl = max(ttl, .seconds(1))
        self.ttl = ttl
        backoff = Backoff(first: Self.firstPause, longest: ttl / 3, spread: 0)
        confirmedUntil = granted.advanced(by: ttl)
        state = .waiting(until: granted.advanced(by: ttl / 3))
    }

    /// A third of the TTL: two may fail.
    package var interval: Duration { ttl / 3 }

    /// When `wake` is to be called; nil when the lease is lost.
    package var nextWake: BootInstant? {
        switch state {
        case .waiting(let until): until
        case .asking(let since): since.advanced(by: interval)
        case .lost: nil
        }
    }

    package mutating func wake(now: BootInstant) -> [Effect] {
        switch state {
        case .waiting(let until):
            guard until <= now else { return [] }
            state = .asking(since: now)
            defer { hasStream = true }
            return hasStream ? [.send] : [.reopen, .send]
        case .asking(let since):
            guard since.advanced(by: interval) <= now else { return [] }
            state = .asking(since: now)
            return [.reopen, .send]
        case .lost: return []
        }
    }

    package mutating func answered(ttl seconds: Int64, now: BootInstant) -> [Effect] {
        guard case .asking(let since) = state else { return [] }  // late, or twice
        guard seconds > 0 else {
            state = .lost
            return [.lost]
        }
        backoff.succeeded()
        confirmedUntil = max(confirmedUntil, since.advanced(by: ttl))
        state = .waiting(until: since.advanced(by: interval))
        return []
    }

    package mutating func streamEnded(now: BootInstant) {
        guard state != .lost else { return }
        hasStream = false
        state = .waiting(until: now.advanced(by: backoff.next()))
    }
}
