import CFluxonPool
import FluxonSystem

/// A view of the pool for a part of this process's threads. Values got through it retain it instead of the view, so that threads on
/// different processors do not fight for one reference count.
package final class PoolReader: Sendable {
    package let view: PoolView

    package init(_ view: PoolView) { self.view = view }

    /// See `PoolView.get`.
    package func get(_ key: UnsafeRawBufferPointer, _ consistency: LocalConsistency = .current) -> LocalRead {
        view.get(key, consistency, keeper: self) { BootClock.now }
    }
}

/// The place where all threads of a process find the current view, and one of them replaces it when the owner was restarted.
///
/// Finding it takes no lock: a thread announces itself on a lane, loads the lane's reader, retains it and takes its announcement
/// back. Who replaces a reader waits until nobody is between those steps; only then does the old one lose the cell's reference.
package final class PoolReaderCell: @unchecked Sendable {
    // SAFETY: `lanes` holds `laneCount` lanes of 64 bytes: a count of announced threads and an unmanaged reference, both touched
    // by atomics only. A reference is released after it was exchanged and the count was seen zero: nobody can hold it unretained.
    private let lanes: UnsafeMutableRawPointer

    private static let laneCount = 16
    private static let laneBytes = 64
    private static let referenceOffset = 8

    package init() {
        lanes = .allocate(byteCount: Self.laneCount * Self.laneBytes, alignment: Self.laneBytes)
        lanes.initializeMemory(as: UInt8.self, repeating: 0, count: Self.laneCount * Self.laneBytes)
    }

    deinit {
        replace(nil)
        lanes.deallocate()
    }

    /// The current reader; nil when there is none. A few nanoseconds, from any thread.
    @inline(__always)
    package var reader: PoolReader? {
        let lane = lanes + Int(cfluxon_thread_number() & UInt64(Self.laneCount - 1)) * Self.laneBytes
        cfluxon_add_fenced(lane, 1)
        let bits = cfluxon_load_acquire(lane + Self.referenceOffset)
        let reader = UnsafeRawPointer(bitPattern: UInt(bits)).map { Unmanaged<PoolReader>.fromOpaque($0).takeUnretainedValue() }
        cfluxon_add_release(lane, -1)
        return reader
    }

    /// Puts another view in place, or none. For one thread at a time; waits for those that are between two instructions of `reader`.
    package func replace(_ view: PoolView?) {
        for number in 0..<Self.laneCount {
            let lane = lanes + number * Self.laneBytes
            let new = view.map { UInt64(UInt(bitPattern: Unmanaged.passRetained(PoolReader($0)).toOpaque())) } ?? 0
            let old = cfluxon_exchange(lane + Self.referenceOffset, new)
            // Who announces itself later sees `new`; the count read below has everybody who may have seen `old`. The exchange alone does
            // not keep the load behind it where loads may be weaker than sequentially consistent (ldapr).
            cfluxon_full_fence()
            guard let old = UnsafeRawPointer(bitPattern: UInt(old)) else { continue }
            while cfluxon_load_acquire(lane) != 0 { KernelThread.yield() }
            Unmanaged<PoolReader>.fromOpaque(old).release()
        }
    }
}
