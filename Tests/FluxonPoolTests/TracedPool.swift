import FluxonCore
import FluxonPool
import FluxonPoolStress
import FluxonSeededRandom
import FluxonSystem

/// A pool and its processes without messages: what owner and libraries do about space, at once.
final class TracedPool {
    let pool: Pool
    /// Bytes of values that can be read, and of all their keys longer than an entry's own room.
    private(set) var valueBytes = 0
    private(set) var evictions = 0
    /// The least part of the pool that values and the one to come took when something was evicted.
    private(set) var fullestNeed = 1.0
    /// Where it was so.
    private(set) var worst = ""
    private var processes: [UInt64: Process] = [:]
    private var lengths: [EntryReference: Int] = [:]
    private var sequence: UInt64 = 0
    private var isEvicting = false

    struct Process {
        /// Granted and not written.
        var extents: [Extent] = []
        var smallPuts = 0
        /// Stopped ones give nothing back.
        var isStopped = false
    }

    init(capacityBytes: Int) throws {
        pool = try Pool(PoolStorage.anonymous(capacityBytes: capacityBytes, hashSeed: 3), epoch: 1)
        pool.setDeadline(BootInstant(nanoseconds: .max - 1))
    }

    var occupancy: Double { Double(valueBytes) / Double(pool.statistics.capacityBytes) }
    /// Those that go on.
    var runningProcesses: [UInt64] { processes.filter { !$0.value.isStopped }.keys.sorted() }

    func attach(_ process: UInt64) throws {
        _ = try pool.attach(process: process, canPut: true)
        processes[process] = Process()
    }

    func stop(_ process: UInt64) { processes[process]?.isStopped = true }

    func die(_ process: UInt64) throws {
        for extent in processes.removeValue(forKey: process)?.extents ?? [] { try pool.release(extent) }
        pool.processDied(process)
    }

    /// False when there is no room.
    func put(_ key: Key, _ byteCount: Int, by process: UInt64) throws -> Bool {
        pool.turnEnded()
        isEvicting = false
        guard let extent = try place(byteCount, process) else { return false }
        if let old = pool.find(key) { try retire(old) }
        pool.makeRoomForEntry(keyByteCount: key.bytes.count) { evict($0, for: byteCount) }
        sequence += 1
        let version = Version(term: 1, sequence: sequence)
        let entry = try pool.publish(key, extent: extent, length: UInt64(byteCount), version: version)
        lengths[entry] = byteCount + keyBytes(key)
        valueBytes += byteCount + keyBytes(key)
        return true
    }

    func remove(_ key: Key) throws {
        if let old = pool.find(key) { try retire(old) }
    }

    private func keyBytes(_ key: Key) -> Int { key.bytes.count > 72 ? key.bytes.count : 0 }

    private func retire(_ copy: Copy) throws {
        guard let retired = pool.retire(copy.entry) else { return }
        valueBytes -= lengths.removeValue(forKey: copy.entry) ?? 0
        try pool.release(retired.extent)
    }

    private func evict(_ copy: Copy, for byteCount: Int) -> Bool {
        if !isEvicting {
            isEvicting = true
            evictions += 1
            let need = occupancy + Double(byteCount) / Double(pool.statistics.capacityBytes)
            if need < fullestNeed { (fullestNeed, worst) = (need, "\(byteCount) bytes: \(pool.statistics)") }
        }
        do { try retire(copy) } catch { return false }
        return true
    }

    /// By the socket for the first few small values, then into extents of its own; when all else fails, by the socket again.
    private func place(_ byteCount: Int, _ process: UInt64) throws -> Extent? {
        guard var books = processes[process] else { return nil }
        defer { processes[process]?.smallPuts = books.smallPuts }
        let isSmall = byteCount <= Limits.socketPutBytes
        if isSmall, books.smallPuts < Limits.socketPuts {
            books.smallPuts += 1
            return try allocate(byteCount, .owner)
        }
        if let index = books.extents.firstIndex(where: { $0.capacity >= byteCount && $0.capacity <= byteCount + byteCount / 8 + 63 }) {
            processes[process]?.extents.remove(at: index)
            return books.extents[index]
        }
        if isSmall {
            guard let extent = try? pool.allocate(byteCount, tenant: .process(process), waits: false, evict: { evict($0, for: byteCount) })
            else {
                return try allocate(byteCount, .owner)
            }
            // Some more than needed, as reservations ask for.
            for _ in 0..<min(8, (512 << 10) / byteCount) {
                if let more = try? pool.allocate(byteCount, tenant: .process(process)) { processes[process]?.extents.append(more) }
            }
            return extent
        }
        return try allocate(byteCount, .process(process))
    }

    /// Evicts; asks for what is not used; evicts.
    private func allocate(_ byteCount: Int, _ tenant: Tenant) throws -> Extent? {
        for _ in 0..<8 {
            pool.turnEnded()
            if let extent = try? pool.allocate(byteCount, tenant: tenant, evict: { evict($0, for: byteCount) }) { return extent }
            try recall()
            if let extent = try? pool.allocate(byteCount, tenant: tenant) { return extent }
        }
        return nil
    }

    private func recall() throws {
        let inTheWay = pool.takeProcessesInTheWay()
        for process in runningProcesses where inTheWay.isEmpty || inTheWay.contains(process) {
            for extent in processes[process]?.extents ?? [] { try pool.release(extent) }
            processes[process]?.extents = []
            processes[process]?.smallPuts = 0
            for span in pool.withdrawIdleSpans(of: process) { _ = pool.confirmUnmapped(span, process: process) }
        }
    }
}

extension SeededRandom {
    /// From 64 bytes to 8 MiB, as many of each power of two.
    mutating func size() -> Int {
        let base = 64 << Int.random(in: 0..<17, using: &self)
        return Int.random(in: base...2 * base, using: &self)
    }
}
