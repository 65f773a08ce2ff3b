import FluxonCore
import FluxonPoolStress
import FluxonSeededRandom
import FluxonSystem
import Glibc
import Synchronization
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
        var random = SeededRandom(seed: seed)
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

    @Test("a pool file cut anywhere is refused")
    func cut() throws {
        let pair = try PoolPair(capacityBytes: 256 << 10)
        let attachment = try pair.pool.attach(process: 2, canPut: false)
        let geometry = pair.pool.geometry
        for byteCount in [
            0, 1, 255, 4095, 4096, geometry.tableOffset, geometry.entriesOffset, geometry.dataOffset, geometry.fileBytes - 4096,
            geometry.fileBytes - 1,
        ] {
            let file = try MemoryFile(anonymous: "cut", byteCount: byteCount)
            if byteCount > 0 {
                let mapping = try SharedMapping(file, byteCount: byteCount, writable: true)
                mapping.base.copyMemory(from: pair.pool.base, byteCount: byteCount)
            }
            #expect(throws: PoolError.self, "\(byteCount) bytes") {
                try PoolView(pool: file, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
            }
        }
    }

    @Test("with any one bit of header, bucket or entry turned, a reader refuses the pool, or answers something inside it")
    func everyBit() throws {
        let pair = try PoolPair(capacityBytes: 256 << 10)
        let geometry = pair.pool.geometry
        let attachment = try pair.pool.attach(process: 2, canPut: false)
        let names = ["key", String(repeating: "long ", count: 30)]
        let entries = try names.map { try pair.put($0, [1, 2, 3]) }
        let bytes = pair.pool.base.assumingMemoryBound(to: UInt8.self)
        // Those of the smallest table's buckets that have a cell in use.
        let buckets = (geometry.tableOffset..<geometry.entriesOffset).filter { bytes[$0] != 0 }.map { $0 & ~63 }
        let places =
            Array(0..<256) + Set(buckets).sorted().flatMap { Array($0..<$0 + 64) }
            + Array(geometry.entriesOffset..<geometry.entriesOffset + 256)
        func attach() throws -> PoolView {
            try PoolView(pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
        }
        let attached = try attach()
        for place in places {
            for bit in 0..<8 as Range<UInt8> {
                bytes[place] ^= 1 << bit
                defer { bytes[place] ^= 1 << bit }
                // The header is copied once, at attach.
                guard let view = place < 256 ? try? attach() : attached else { continue }
                for name in names { expectInside(view.get(try Key(name), .local).hit(), view) }
                for entry in entries { expectInside(view.take(entry, epoch: 1).hit(), view) }
                #expect(view.heldPins == 0)
            }
        }
    }

    @Test("while another process writes anything over the pool, gets and handovers answer something, and touch only the mapping")
    func whileWritten() throws {
        let pair = try PoolPair(capacityBytes: 256 << 10)
        let geometry = pair.pool.geometry
        let guards = [pair.view.base - 4096, pair.view.base + geometry.fileBytes].map { GuardPage(at: $0) }
        var entries: [EntryReference] = []
        for number in 0..<200 { entries.append(try pair.put(longOrShort(number), [UInt8](repeating: 7, count: number + 1))) }
        let writer = try SharedMapping(pair.pool.storage.writableFile, byteCount: geometry.fileBytes, writable: true)
        let isOver = OverFlag()
        let thread = try KernelThread.start(name: "damage") {
            var random = SeededRandom(seed: 5)
            let places = [
                128..<192, geometry.tableOffset..<geometry.tableOffset + 4096, geometry.entriesOffset..<geometry.entriesOffset + 25_600,
            ]
            while !isOver.isSet.load(ordering: .relaxed) {
                guard let place = places.randomElement(using: &random) else { return }
                let offset = Int.random(in: place, using: &random) & ~7
                let word = writer.base.load(fromByteOffset: offset, as: UInt64.self)
                // As a rule nearly right, for a while: then a reader gets as far as it can.
                let damaged = random.next() % 4 == 0 ? random.next() : word ^ (1 << UInt64.random(in: 0..<64, using: &random))
                writer.base.storeBytes(of: damaged, toByteOffset: offset, as: UInt64.self)
                for _ in 0..<50 where !isOver.isSet.load(ordering: .relaxed) {}
                writer.base.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
            }
        }
        let start = BootClock.now
        var hits = 0
        var random = SeededRandom(seed: 6)
        while BootClock.now.since(start) < .seconds(2) {
            let number = Int.random(in: 0..<200, using: &random)
            let values = [pair.view.get(try Key(longOrShort(number)), .local).hit(), pair.view.take(entries[number], epoch: 1).hit()]
            for value in values {
                expectInside(value, pair.view)
                if value != nil { hits += 1 }
            }
        }
        isOver.isSet.store(true, ordering: .relaxed)
        thread.join()
        #expect(hits > 1_000, "most of the pool is right at any time")
        #expect(pair.view.heldPins == 0)
        withExtendedLifetime(guards) {}
    }

    /// Reads the value's ends: what lies outside the mapping is a crash, at the latest at a guard page.
    private func expectInside(_ value: Held?, _ view: PoolView) {
        guard let place = value?.place, let first = place.baseAddress, let last = place.last else { return }
        let pool = UnsafeRawBufferPointer(start: view.base, count: view.geometry.fileBytes)
        guard let start = pool.baseAddress, first >= start, first + place.count <= start + pool.count else {
            Issue.record("a value of \(place.count) bytes that does not lie in the pool")
            return
        }
        withExtendedLifetime((place[0], last)) {}
    }

    private func longOrShort(_ number: Int) -> String {
        number % 3 == 0 ? String(repeating: "long ", count: 30) + "\(number)" : "key \(number)"
    }
}

/// A page that nobody may touch.
private final class GuardPage {
    private let address: UnsafeMutableRawPointer
    private let isMade: Bool

    /// Nothing is done where another mapping is: reading it by mistake would be no crash, but the checks of the addresses say so.
    init(at address: UnsafeMutableRawPointer) {
        self.address = address
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | 0x100000  // MAP_FIXED_NOREPLACE
        let mapped = mmap(address, 4096, PROT_NONE, flags, -1, 0)
        isMade = mapped == address
    }

    deinit { if isMade { munmap(address, 4096) } }
}

private final class OverFlag: Sendable { let isSet = Atomic(false) }
