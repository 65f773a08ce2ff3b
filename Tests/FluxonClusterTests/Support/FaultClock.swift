private import CFluxonFaults
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

/// The clocks of one machine of a test: what `CLOCK_BOOTTIME` and the wall clock show in the processes that have `environment`.
///
/// `CLOCK_BOOTTIME` never steps, here as in a kernel: it starts anywhere and runs a little fast or slow. The wall clock steps.
final class FaultClock {
    private let path: String
    private let page: UnsafeMutablePointer<cfluxon_clock_page>
    private var stretch: cfluxon_clock_stretch

    /// - Parameter boot: What the machine's boot clock shows now; nil: it is the kernel's, and only the wall clock can be bent.
    init(path: String, boot: Duration?) throws {
        self.path = path
        guard let page = cfluxon_clock_map(path, 1) else { throw SystemError("make the clock \(path)", errno: errno) }
        self.page = page
        stretch = cfluxon_clock_stretch(
            from: HistoryClock.now.nanoseconds, boot: UInt64((boot ?? .zero).clampedNanoseconds), rate: boot == nil ? 0 : 1_000_000,
            wall: 0)
        append()
    }

    deinit { munmap(page, MemoryLayout<cfluxon_clock_page>.size) }

    var environment: [String: String] {
        ["LD_PRELOAD": "\(TestCluster.products)/libFluxonFaultClock.so", "FLUXON_FAULT_CLOCK": path]
    }

    /// From now on the boot clock runs at this many parts per million of real time.
    func setRate(_ partsPerMillion: Int64) {
        proceed()
        stretch.rate = partsPerMillion
        append()
    }

    /// The wall clock goes forward or back.
    func stepWall(by step: Duration) {
        proceed()
        stretch.wall += step.clampedNanoseconds
        append()
    }

    /// A change begins a little later, when everybody can have read of it: no reading goes back.
    private func proceed() {
        let from = HistoryClock.now.advanced(by: .milliseconds(1)).nanoseconds
        stretch.boot = cfluxon_clock_boot(stretch, from)
        stretch.from = from
    }

    private func append() { precondition(cfluxon_clock_append(page, stretch) == 0, "a test has at most 2000 changes of a clock") }
}
