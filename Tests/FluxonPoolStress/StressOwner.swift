package import FluxonCore
package import FluxonPool
import FluxonSeededRandom
private import FluxonSystem

/// An owner that overwrites, evicts and reuses as fast as it can, and is cut off from the cluster now and then: then its validity passes,
/// and only afterwards is something overwritten elsewhere, of which it hears late.
package struct StressOwner {
    /// Validity is renewed for so long, when half of it is over.
    private static let lease = Duration.milliseconds(20)

    private let pool: Pool
    private let board: StressBoard
    private var random: SeededRandom
    private var version: UInt64 = 0
    private var steps = 0

    package init(_ pool: Pool, _ board: StressBoard, seed: UInt64) throws {
        self.pool = pool
        self.board = board
        random = SeededRandom(seed: seed)
        renew()
        for object in 0..<board.objects { try overwrite(object) }
    }

    package static func key(_ object: Int) throws -> Key { try Key("object \(object)") }

    /// What every word of a version's bytes is.
    package static func pattern(_ object: Int, _ version: UInt64) -> UInt64 { version << 8 | UInt64(object & 0xff) }

    /// Works until `duration` has passed or `isOver` says so.
    package mutating func work(for duration: Duration, until isOver: () -> Bool = { false }) throws {
        let start = BootClock.now
        while BootClock.now.since(start) < duration, !isOver() { try step() }
    }

    private mutating func step() throws {
        steps += 1
        renew()
        try overwrite(Int.random(in: 0..<board.objects, using: &random))
        if steps % 8 == 0 { pool.collect() }
        if steps % 64 == 0, let victim = pool.evictionCandidate() { try retire(victim) }
        if steps % 4096 == 0 { try lapse() }
    }

    private func renew() {
        let now = BootClock.now
        if pool.deadline.since(now) < Self.lease / 2 { pool.setDeadline(now.advanced(by: Self.lease)) }
    }

    /// L3: an object is overwritten elsewhere when this owner's validity is surely over.
    private mutating func lapse() throws {
        while BootClock.now <= pool.deadline { KernelThread.yield() }
        let object = Int.random(in: 0..<board.objects, using: &random)
        version += 1
        board.tellOverwrittenElsewhere(object, version)
        let told = BootClock.now
        while BootClock.now.since(told) < .milliseconds(2) { KernelThread.yield() }
        if let old = pool.find(try Self.key(object)) { try retire(old) }
        pool.makeRetirementsVisible()
    }

    package mutating func overwrite(_ object: Int) throws {
        let key = try Self.key(object)
        if let old = pool.find(key) { try retire(old) }
        let words = Int.random(in: 1...(Bool.random(using: &random) ? 64 : 512), using: &random)
        guard let extent = allocate(words * 8), let place = pool.bytes(of: extent)?.baseAddress else { return }
        version += 1
        // By a pointer: a sanitizer sees what is written here, and not what the standard library writes.
        let memory = place.assumingMemoryBound(to: UInt64.self)
        for word in 0..<words { memory[word] = Self.pattern(object, version) }
        _ = try pool.publish(key, extent: extent, length: UInt64(words * 8), version: Version(term: 1, sequence: version))
        board.tellPublished(object, version)
    }

    private mutating func allocate(_ byteCount: Int) -> Extent? {
        if let extent = try? pool.allocate(byteCount, tenant: .owner) { return extent }
        pool.collect()
        return try? pool.allocate(byteCount, tenant: .owner)
    }

    private func retire(_ copy: Copy) throws {
        if let retired = pool.retire(copy.entry) { try pool.release(retired.extent) }
    }
}
