import FluxonCore
import FluxonMeasure
import FluxonPool
import FluxonSystem
import Synchronization

/// Gets from shared memory by an attached process: what P3 costs, without `Store` around it.
enum LocalGetCases {
    /// Gets are too short to time singly.
    private static let group = 64
    private static let measured = Duration.milliseconds(300)
    /// Keys of a working set whose index and entries fit the caches.
    private static let fewKeys = 10_000

    static func run(bytes: Int) throws {
        let full = try FullPool(valueBytes: bytes)
        for threads in [1, 2] {
            Main.report(try measure("pool get zero-copy", full, keys: fewKeys, threads: threads) { $0.count })
        }
        if full.keyCount > 4 * fewKeys {
            Main.report(try measure("pool get zero-copy, \(full.keyCount) keys", full, keys: full.keyCount, threads: 1) { $0.count })
        }
        Main.report(try measure("pool get touched", full, keys: fewKeys, threads: 1, touch))
    }

    /// Reads every cache line.
    private static func touch(_ bytes: UnsafeRawBufferPointer) -> Int {
        var sum = 0
        for offset in stride(from: 0, to: bytes.count & ~63, by: 64) { sum &+= bytes.load(fromByteOffset: offset, as: Int.self) }
        return sum
    }

    private static func measure(
        _ name: String, _ full: FullPool, keys: Int, threads: Int, _ use: @escaping @Sendable (UnsafeRawBufferPointer) -> Int
    ) throws -> Measurement {
        let recorders = Mutex<[LatencyRecorder]>([])
        let view = full.view
        let keys = min(keys, full.keyCount)
        let start = BootClock.now
        let running = try (0..<threads).map { number in
            try KernelThread.start(name: "reader \(number)") {
                let recorder = read(view, keys: keys, seed: UInt64(number), use)
                recorders.withLock { $0.append(recorder) }
            }
        }
        for thread in running { thread.join() }
        let elapsed = BootClock.now.nanoseconds - start.nanoseconds
        var all = LatencyRecorder()
        for recorder in recorders.withLock({ $0 }) { all.merge(recorder) }
        return all.measurement(
            name, bytes: full.valueBytes, threads: threads, elapsedNanoseconds: elapsed, operationsPerSample: group)
    }

    private static func read(
        _ view: PoolView, keys: Int, seed: UInt64, _ use: (UnsafeRawBufferPointer) -> Int
    ) -> LatencyRecorder {
        var recorder = LatencyRecorder()
        var random: UInt64 = 88_172_645_463_325_252 &+ seed
        var sum = 0
        let start = BootClock.now
        var now = start
        repeat {
            let before = now
            for _ in 0..<group {
                random ^= random << 13
                random ^= random >> 7
                random ^= random << 17
                sum &+= FullPool.withKey(Int(random % UInt64(keys))) { key in
                    switch view.get(key) {
                    case .hit(let value): value.withBytes { use($0) }
                    default: fatalError("a key of the benchmark was not found")
                    }
                }
            }
            now = BootClock.now
            recorder.record(nanoseconds: now.nanoseconds - before.nanoseconds)
        } while now.since(start) < measured
        // So that no read is optimised away.
        if sum == .min { print("") }
        return recorder
    }
}

/// What the owner does to overwrite a value: retire, free, allocate, publish; a scan of the pins every 64.
enum PoolOwnerCases {
    static func run(bytes: Int) throws {
        let full = try FullPool(valueBytes: bytes)
        var recorder = LatencyRecorder()
        let start = BootClock.now
        var now = start
        var next = 0
        repeat {
            let before = now
            for _ in 0..<64 {
                try overwrite(full, next % full.keyCount, sequence: UInt64(next) + 2)
                next += 1
            }
            full.pool.collect()
            now = BootClock.now
            recorder.record(nanoseconds: now.nanoseconds - before.nanoseconds)
        } while now.since(start) < .milliseconds(300)
        let elapsed = now.nanoseconds - start.nanoseconds
        Main.report(recorder.measurement("pool overwrite", bytes: bytes, elapsedNanoseconds: elapsed, operationsPerSample: 64))
    }

    private static func overwrite(_ full: FullPool, _ number: Int, sequence: UInt64) throws {
        let key = try Key(FullPool.withKey(number) { Array($0) })
        guard let old = full.pool.find(key), let copy = full.pool.retire(old.entry) else { return }
        try full.pool.release(copy.extent)
        var extent = try? full.pool.allocate(full.valueBytes, tenant: .owner)
        if extent == nil {
            full.pool.collect()
            extent = try full.pool.allocate(full.valueBytes, tenant: .owner)
        }
        guard let extent else { return }
        let version = Version(term: 1, sequence: sequence)
        _ = try full.pool.publish(key, extent: extent, length: UInt64(full.valueBytes), version: version)
    }
}

/// An owner's pool full of values of one size, and a process attached to it.
struct FullPool {
    private static let capacityBytes = 512 << 20
    private static let keyLimit = 400_000

    let valueBytes: Int
    let pool: Pool
    let view: PoolView
    let keyCount: Int

    init(valueBytes: Int) throws {
        self.valueBytes = valueBytes
        pool = try Pool(PoolStorage.anonymous(capacityBytes: Self.capacityBytes, hashSeed: 99, prefault: true), epoch: 1)
        let attachment = try pool.attach(process: 1, canPut: false)
        view = try PoolView(
            pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
        try view.prefault()
        pool.setDeadline(BootInstant(nanoseconds: .max - 1))
        let room = Self.capacityBytes - min(80 * valueBytes, Self.capacityBytes / 4)
        var count = 0
        while count < Self.keyLimit, pool.statistics.liveBytes < room, let extent = try? pool.allocate(valueBytes, tenant: .owner) {
            let key = try Key(Self.withKey(count) { Array($0) })
            _ = try pool.publish(key, extent: extent, length: UInt64(valueBytes), version: Version(term: 1, sequence: 1))
            count += 1
        }
        keyCount = count
    }

    /// Lends the 24 bytes of a key, made on the spot: what a caller has at hand in its caches.
    @inline(__always)
    static func withKey<R>(_ number: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { buffer in
            buffer.storeBytes(of: 0x6863_6e65_622f_7666, as: UInt64.self)
            buffer.storeBytes(of: 0x2f74_6365_6a62_6f2f, toByteOffset: 8, as: UInt64.self)
            buffer.storeBytes(of: UInt64(number) &* 0x9e37_79b9_7f4a_7c15, toByteOffset: 16, as: UInt64.self)
            return body(UnsafeRawBufferPointer(buffer))
        }
    }
}
