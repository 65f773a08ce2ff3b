import FluxonCore
import FluxonMeasure
import FluxonPool
import FluxonSystem

/// Gets from shared memory by an attached process: what P3 costs, without `Store` around it. The owner's own operations beside it.
enum LocalGetCases {
    private static let capacityBytes = 512 << 20
    /// Gets are too short to time singly.
    private static let group = 64

    static func run() throws {
        for bytes in Sizes.all {
            let bench = try Bench(valueBytes: bytes)
            Main.report(bench.measure("pool get zero-copy", bytes: bytes) { $0.count })
            Main.report(bench.measure("pool get touched", bytes: bytes, touch))
            Main.report(bench.ownerPublishAndRetire(bytes: bytes))
        }
    }

    // SAFETY: changed by the measuring thread alone.
    /// Where the sums go, so that no read is optimised away.
    nonisolated(unsafe) private static var consumed = 0

    /// Reads every cache line.
    private static func touch(_ bytes: UnsafeRawBufferPointer) -> Int {
        var sum = 0
        for offset in stride(from: 0, to: bytes.count & ~63, by: 64) { sum &+= bytes.load(fromByteOffset: offset, as: Int.self) }
        return sum
    }

    /// Lends the 24 bytes of a key: what a caller has at hand in its caches.
    @inline(__always)
    private static func withKey<R>(_ number: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { buffer in
            buffer.storeBytes(of: 0x6863_6e65_622f_7666, as: UInt64.self)
            buffer.storeBytes(of: 0x2f74_6365_6a62_6f2f, toByteOffset: 8, as: UInt64.self)
            buffer.storeBytes(of: UInt64(number) &* 0x9e37_79b9_7f4a_7c15, toByteOffset: 16, as: UInt64.self)
            return body(UnsafeRawBufferPointer(buffer))
        }
    }

    /// A full pool of values of one size, and a process attached to it.
    private struct Bench {
        let pool: Pool
        let view: PoolView
        let keyCount: Int

        init(valueBytes: Int) throws {
            pool = try Pool(PoolStorage.anonymous(capacityBytes: capacityBytes, hashSeed: 99, prefault: true), epoch: 1)
            let attachment = try pool.attach(process: 1, canPut: false)
            view = try PoolView(
                pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins, prefault: true)
            pool.setDeadline(BootInstant(nanoseconds: .max - 1))
            var count = 0
            while count < 400_000, pool.statistics.liveBytes < capacityBytes - min(80 * valueBytes, capacityBytes / 4),
                let extent = try? pool.allocate(valueBytes, tenant: .owner)
            {
                let key = try Key(withKey(count) { Array($0) })
                _ = try pool.publish(key, extent: extent, length: UInt64(valueBytes), version: Version(term: 1, sequence: 1))
                count += 1
            }
            keyCount = count
        }

        func measure(_ name: String, bytes: Int, _ use: (UnsafeRawBufferPointer) -> Int) -> Measurement {
            var recorder = LatencyRecorder()
            var random: UInt64 = 88172645463325252
            var sink = 0
            let start = BootClock.now
            var now = start
            repeat {
                let before = now
                for _ in 0..<group {
                    random ^= random << 13
                    random ^= random >> 7
                    random ^= random << 17
                    sink &+= withKey(Int(random % UInt64(keyCount))) { key in
                        switch view.get(key) {
                        case .hit(let value): use(value.bytes)
                        default: fatalError("a key of the benchmark was not found")
                        }
                    }
                }
                now = BootClock.now
                recorder.record(nanoseconds: now.nanoseconds - before.nanoseconds)
            } while now.nanoseconds - start.nanoseconds < 300_000_000
            consumed = sink
            return recorder.measurement(
                name, bytes: bytes, elapsedNanoseconds: now.nanoseconds - start.nanoseconds, operationsPerSample: group)
        }

        /// One overwrite as the owner does it: retire, free, allocate, publish.
        func ownerPublishAndRetire(bytes: Int) -> Measurement {
            var recorder = LatencyRecorder()
            let start = BootClock.now
            var now = start
            var next = 0
            repeat {
                let before = now
                for _ in 0..<group {
                    overwrite(withKey(next % keyCount) { Array($0) }, bytes: bytes, sequence: UInt64(next) + 2)
                    next += 1
                }
                pool.collect()
                now = BootClock.now
                recorder.record(nanoseconds: now.nanoseconds - before.nanoseconds)
            } while now.nanoseconds - start.nanoseconds < 300_000_000
            return recorder.measurement(
                "pool overwrite", bytes: bytes, elapsedNanoseconds: now.nanoseconds - start.nanoseconds, operationsPerSample: group)
        }

        private func allocate(_ count: Int) throws(PoolError) -> Extent {
            if let extent = try? pool.allocate(count, tenant: .owner) { return extent }
            pool.collect()
            return try pool.allocate(count, tenant: .owner)
        }

        private func overwrite(_ bytes: [UInt8], bytes count: Int, sequence: UInt64) {
            do {
                let key = try Key(bytes)
                guard let old = pool.find(key), let copy = pool.retire(old.entry) else { return }
                try pool.release(copy.extent)
                let extent = try allocate(count)
                _ = try pool.publish(key, extent: extent, length: UInt64(count), version: Version(term: 1, sequence: sequence))
            } catch {
                fatalError("the owner's overwrite failed: \(error)")
            }
        }
    }
}
