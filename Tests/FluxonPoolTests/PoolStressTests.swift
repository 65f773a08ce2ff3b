import FluxonCore
import FluxonPool
import FluxonSystem
import Synchronization
import Testing

/// Real threads over real mappings: no reader ever sees torn or foreign bytes under a validated pin (CONSISTENCY I4), nor an older
/// version than one that it saw before (I9), while the owner overwrites, retires and reuses as fast as it can.
@Suite struct PoolStressTests {
    private static let keys = 64

    @Test("readers check every byte while the owner reuses entries and extents", .timeLimit(.minutes(1)))
    func readersAgainstOwner() throws {
        let pool = try Pool(PoolStorage.anonymous(capacityBytes: 1 << 20, hashSeed: 5), epoch: 1)
        pool.setDeadline(BootInstant(nanoseconds: .max - 1))
        let state = StressState()
        var threads: [KernelThread] = []
        for reader in 1...3 as ClosedRange<UInt64> {
            let attachment = try pool.attach(process: reader, canPut: false)
            let view = try PoolView(
                pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
            threads.append(try KernelThread.start(name: "reader \(reader)") { Self.read(view, seed: reader, state) })
        }
        var random = SeededGenerator(seed: 11)
        let start = BootClock.now
        var version: UInt64 = 0
        while BootClock.now.since(start) < .seconds(2) {
            version += 1
            try Self.overwrite(pool, key: UInt64.random(in: 0..<UInt64(Self.keys), using: &random), version: version, using: &random)
            if version % 16 == 0 { pool.collect() }
        }
        state.isOver.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        #expect(state.problem.withLock { $0 } == nil)
        #expect(state.hits.load(ordering: .relaxed) > 1_000)
        pool.collect()
        #expect(pool.retiredCount == 0)
        #expect(pool.statistics.liveExtents == pool.statistics.publishedEntries)
    }

    private static func overwrite(_ pool: Pool, key number: UInt64, version: UInt64, using random: inout SeededGenerator) throws {
        let key = try Key("object \(number)")
        if let old = pool.find(key), let copy = pool.retire(old.entry) { try pool.release(copy.extent) }
        let words = Int.random(in: 1...(Bool.random(using: &random) ? 64 : 2048), using: &random)
        var extent = try? pool.allocate(words * 8, tenant: .owner)
        if extent == nil {
            pool.collect()
            extent = try? pool.allocate(words * 8, tenant: .owner)
        }
        guard let extent, let bytes = pool.bytes(of: extent) else { return }
        for word in 0..<words { bytes.storeBytes(of: pattern(number, version), toByteOffset: word * 8, as: UInt64.self) }
        _ = try pool.publish(key, extent: extent, length: UInt64(words * 8), version: Version(term: 1, sequence: version))
    }

    private static func read(_ view: PoolView, seed: UInt64, _ state: StressState) {
        var random = SeededGenerator(seed: seed)
        var newest = [UInt64](repeating: 0, count: keys)
        while !state.isOver.load(ordering: .relaxed) {
            let number = Int.random(in: 0..<keys, using: &random)
            guard let key = try? Key("object \(number)"), let value = view.get(key).hit() else { continue }
            let version = value.version.sequence
            if version < newest[number] { state.report("object \(number) went back from \(newest[number]) to \(version)") }
            newest[number] = version
            // Twice, so that a change under the pin is seen even when the first look was in time.
            for _ in 0..<2 where !value.isWholly(pattern(UInt64(number), version)) {
                state.report("object \(number) version \(version): foreign or torn bytes under a validated pin")
            }
            state.hits.add(1, ordering: .relaxed)
        }
        if view.heldPins != 0 { state.report("pins are left") }
    }

    private static func pattern(_ key: UInt64, _ version: UInt64) -> UInt64 { version << 8 | key }
}

/// What the threads of a stress test share.
private final class StressState: Sendable {
    let isOver = Atomic(false)
    let hits = Atomic(0)
    let problem = Mutex<String?>(nil)

    func report(_ text: String) {
        problem.withLock { $0 = $0 ?? text }
        isOver.store(true, ordering: .relaxed)
    }
}
