package import FluxonCore
internal import Glibc

/// The clock of recorded histories: `CLOCK_MONOTONIC`, one for all processes of a machine. The tests bend `CLOCK_BOOTTIME` and the wall
/// clock of roles and clients (FluxonFaultClock), never this one.
package enum HistoryClock {
    package static var now: BootInstant {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return BootInstant(nanoseconds: UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec))
    }
}
