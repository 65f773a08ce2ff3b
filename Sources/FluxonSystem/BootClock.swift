private import CLinux
package import FluxonCore

/// The only clock of the protocol: `CLOCK_BOOTTIME`, through the vDSO (22 ns).
package enum BootClock {
    package static var now: BootInstant { BootInstant(nanoseconds: cfluxon_boot_time()) }
}
