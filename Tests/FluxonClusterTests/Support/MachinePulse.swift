import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc
import Synchronization

/// Notices when the machine stands still: a thread that wants to run every 50 ms and does not get to. What processes are late by then is
/// not their fault.
final class MachinePulse: Sendable {
    private static let beat = Duration.milliseconds(50)
    private static let worthNoting = Duration.milliseconds(300)
    private let isStopping = Atomic<Bool>(false)
    private let total = Atomic<UInt64>(0)

    /// - Parameter onStandstill: Called on another thread, with the time at which the machine stopped and went on.
    init(_ onStandstill: @escaping @Sendable (BootInstant, BootInstant) -> Void) throws {
        try KernelThread.start(name: "pulse", detached: true) { [self] in
            var last = HistoryClock.now
            while !isStopping.load(ordering: .relaxed) {
                usleep(50_000)
                let now = HistoryClock.now
                let late = now.since(last) - Self.beat
                if late > Self.worthNoting {
                    total.add(UInt64(late.clampedNanoseconds), ordering: .relaxed)
                    onStandstill(last, now)
                }
                last = now
            }
        }
    }

    /// How long the machine stood still, in all.
    var standstill: Duration { .nanoseconds(Int64(clamping: total.load(ordering: .relaxed))) }

    func stop() { isStopping.store(true, ordering: .relaxed) }
}
