/// A reading of `CLOCK_BOOTTIME` of one machine, in nanoseconds. It counts suspend, never steps, and means nothing on another
/// machine. Rules take it as an argument; nothing in this module reads a clock.
package struct BootInstant: Hashable, Sendable, Comparable {
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Before every reading of a clock: what a deadline is when there is none yet.
    package static let zero = BootInstant(nanoseconds: 0)

    package static func < (left: BootInstant, right: BootInstant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates at both ends, so that bytes from outside cannot trap here.
    package func advanced(by duration: Duration) -> BootInstant {
        let nanoseconds = duration.clampedNanoseconds
        if nanoseconds >= 0 {
            let (sum, overflow) = self.nanoseconds.addingReportingOverflow(UInt64(nanoseconds))
            return BootInstant(nanoseconds: overflow ? .max : sum)
        }
        let magnitude = nanoseconds.magnitude
        return BootInstant(nanoseconds: magnitude > self.nanoseconds ? 0 : self.nanoseconds - magnitude)
    }

    /// Time from `earlier` to this instant; zero when `earlier` is later.
    package func since(_ earlier: BootInstant) -> Duration {
        guard earlier < self else { return .zero }
        return .nanoseconds(Int64(clamping: nanoseconds - earlier.nanoseconds))
    }
}

extension Duration {
    /// Whole nanoseconds, saturating at the ends of `Int64`.
    package var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}
