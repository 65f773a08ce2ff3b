import FluxonCore
import FluxonSystem
import Testing

@testable import FluxonPool

/// What a reader does with a pool file that somebody damaged: an error at attach or a miss, never a crash.
@Suite struct HostilePoolTests {
    @Test("a superblock with any one wrong field is refused, saying which")
    func superblock() throws {
        let pair = try PoolPair()
        let base = pair.pool.base
        let attachment = try pair.pool.attach(process: 2, canPut: false)
        func attach() throws -> PoolView {
            try PoolView(pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
        }
        _ = try attach()
        for offset in stride(from: 0, to: 88, by: 4) where ![12, 24, 28].contains(offset) {
            let good = base.load(fromByteOffset: offset, as: UInt32.self)
            for bad in [UInt32.max, 0x7fff_ffff, good ^ 0x8000_0001] {
                base.storeBytes(of: bad, toByteOffset: offset, as: UInt32.self)
                // Some wrong sizes are merely smaller than the truth: then the attach succeeds, and gets must be safe.
                if let view = try? attach() { _ = view.get(try Key("key"), .local) }
            }
            base.storeBytes(of: good, toByteOffset: offset, as: UInt32.self)
        }
        base.storeBytes(of: 9, toByteOffset: 8, as: UInt32.self)
        #expect(throws: PoolError.damaged("pool layout 9; this program reads layout 1: use one release on one host")) { try attach() }
    }

    @Test("files that are too short, or not what they should be, are refused")
    func wrongFiles() throws {
        let pair = try PoolPair()
        let attachment = try pair.pool.attach(process: 2, canPut: false)
        let tiny = try MemoryFile(anonymous: "tiny", byteCount: 100)
        let zeros = try MemoryFile(anonymous: "zeros", byteCount: 1 << 20)
        for (pool, pins, heat) in [
            (tiny, attachment.pins, attachment.heat), (zeros, attachment.pins, attachment.heat), (attachment.pool, tiny, attachment.heat),
            (attachment.pool, attachment.pins, tiny),
        ] {
            #expect(throws: PoolError.self) { try PoolView(pool: pool, pins: pins, heat: heat, grantedPins: attachment.grantedPins) }
        }
        #expect(throws: PoolError.self) {
            try PoolView(pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: .max)
        }
    }

    @Test(
        "random damage to index, entries and changing words: gets and handovers answer something, and touch only the mapping",
        arguments: 0..<12)
    func randomDamage(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let pair = try PoolPair(capacityBytes: 256 << 10)
        let geometry = pair.pool.geometry
        var entries: [EntryReference] = []
        for number in 0..<200 { entries.append(try pair.put(longOrShort(number), [UInt8(truncatingIfNeeded: number)])) }
        let tables = geometry.tableOffset..<geometry.tableOffset + geometry.initialEntries / 5 * 64
        let cells = geometry.entriesOffset..<geometry.entriesOffset + 200 * 128
        for _ in 0..<3_000 {
            let place = [tables, cells, 144..<160].randomElement(using: &random)!
            let offset = Int.random(in: place, using: &random) & ~7
            let word = pair.pool.base.load(fromByteOffset: offset, as: UInt64.self)
            let damaged = Bool.random(using: &random) ? word ^ (1 << UInt64.random(in: 0..<64, using: &random)) : random.next()
            pair.pool.base.storeBytes(of: damaged, toByteOffset: offset, as: UInt64.self)
            let number = Int.random(in: 0..<200, using: &random)
            if let bytes = pair.read(longOrShort(number)) { #expect(bytes.count <= geometry.fileBytes) }
            _ = pair.take(entries[number], epoch: 1)?.bytes
            pair.pool.base.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
        }
        #expect(pair.view.heldPins == 0)
    }

    private func longOrShort(_ number: Int) -> String {
        number % 3 == 0 ? String(repeating: "long ", count: 30) + "\(number)" : "key \(number)"
    }
}
