internal import FluxonCore
internal import FluxonSystem

/// How long each case runs, and the clock that all share.
package struct CaseTiming: Sendable, Hashable {
    /// A case ends with the first operation that is over after this.
    package var duration: Duration
    /// Operations made before the clock starts.
    package var warmUp: Int

    package init(duration: Duration = .milliseconds(500), warmUp: Int = 3) {
        self.duration = duration
        self.warmUp = warmUp
    }

    /// Nanoseconds of the boot clock.
    static var now: UInt64 { BootClock.now.nanoseconds }

    /// The instant at which a case that starts now ends.
    var end: UInt64 {
        let (seconds, attoseconds) = duration.components
        return Self.now + UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds / 1_000_000_000))
    }
}

/// Bytes that many operations in flight may take together; what does not fit runs with fewer in flight, and says so in its figures.
package enum InFlightBudget {
    package static let bytes = 192 << 20

    /// At most `wanted`, at least one.
    package static func lanes(_ wanted: Int, of size: Int) -> Int { max(1, min(wanted, bytes / max(1, size))) }
}
