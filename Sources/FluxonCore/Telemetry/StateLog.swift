/// When a lasting state is worth a line of the log: when it changes, and again at growing intervals while it stays, with a count.
/// Rules only; whoever tries on in silence keeps one.
///
///     clear ──note: told──▶ told ──note, the same: counted; told after 30 s, 1 min, 2 min … 1 h──▶ told
///       ▲                     │ └── note, another: told ──▶ told
///       └──── cleared ────────┘
///
/// What comes back after a long silence is news: its intervals begin anew.
package struct StateLog<State: Hashable & Sendable>: Sendable {
    /// Between the first and the second line about one state; doubles up to `longestInterval`.
    package static var firstInterval: Duration { .seconds(30) }
    package static var longestInterval: Duration { .seconds(3600) }

    private struct Told: Sendable {
        let state: State
        var next: BootInstant
        var interval: Duration
        /// Since the last line.
        var count = 0
    }

    private var told: Told?

    package init() {}

    /// The state that was told of last and is not over.
    package var current: State? { told?.state }

    /// Takes note that `state` holds.
    ///
    /// - Returns: Nil when it needs no line now, else how often it was noted since the last line about it: 1 for a new one.
    package mutating func note(_ state: State, now: BootInstant) -> Int? {
        guard var same = told, same.state == state else {
            told = Told(state: state, next: now.advanced(by: Self.firstInterval), interval: Self.firstInterval)
            return 1
        }
        same.count += 1
        defer { told = same }
        guard now >= same.next else { return nil }
        defer { same.count = 0 }
        let isNews = now >= same.next.advanced(by: Self.longestInterval)
        same.interval = isNews ? Self.firstInterval : min(same.interval * 2, Self.longestInterval)
        same.next = now.advanced(by: same.interval)
        return same.count
    }

    /// What was told of is over.
    ///
    /// - Returns: True when there was something, so that its end is worth a line too.
    package mutating func cleared() -> Bool {
        defer { told = nil }
        return told != nil
    }
}
