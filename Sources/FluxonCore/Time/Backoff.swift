/// Pauses between attempts at what does not work yet: doubling, with some chance, so that the clients of one restarted server do not
/// come in step. Rules only: whoever tries keeps one, asks it after each failure, and tells it of a real success.
///
///     first ──failed──▶ 2 × first ──failed──▶ … ──failed──▶ longest        any ──succeeded──▶ first
///
/// An answer is not a success: who is refused, politely and at once, would else ask again at once, for ever.
package struct Backoff: Hashable, Sendable {
    /// The pause after the first failure, and the longest of all.
    package let first: Duration
    package let longest: Duration
    /// How far chance moves a pause to either side, in parts of it.
    package let spread: Double
    /// In a row.
    package private(set) var failures = 0

    package init(first: Duration, longest: Duration, spread: Double = 0.2) {
        self.first = first
        self.longest = longest
        self.spread = spread
    }

    /// The pause after so many failures in a row, without chance.
    package func pause(after failures: Int) -> Duration {
        guard failures > 0 else { return .zero }
        return min(first * (1 << min(failures - 1, 30)), longest)
    }

    /// Takes note of a failure.
    ///
    /// - Returns: How long to wait before the next attempt.
    package mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        failures = min(failures + 1, 1 << 30)
        let pause = pause(after: failures)
        guard spread > 0 else { return pause }
        return pause * Double.random(in: (1 - spread)...(1 + spread), using: &generator)
    }

    package mutating func next() -> Duration {
        var generator = SystemRandomNumberGenerator()
        return next(using: &generator)
    }

    /// What was tried works.
    package mutating func succeeded() { failures = 0 }
}
