import FluxonCore
import FluxonPoolStress
import FluxonSeededRandom
import FluxonSystem
import Testing

@testable import FluxonPool

@Suite struct IndexTests {
    @Test("any history of puts and removes, over growing tables: owner and process find what is there and nothing else", arguments: 0..<6)
    func randomHistory(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let pair = try PoolPair(capacityBytes: 2 << 20)
        var model: [String: UInt64] = [:]
        for round in 1...6_000 as ClosedRange<UInt64> {
            let key = "key-\(Int.random(in: 0..<1500, using: &random))"
            if let copy = pair.pool.find(try Key(key)) {
                #expect(copy.version.sequence == model[key])
                _ = pair.pool.retire(copy.entry)
                try pair.pool.release(copy.extent)
                model[key] = nil
            }
            if Int.random(in: 0..<3, using: &random) > 0, (try? pair.put(key, [1], version: round)) != nil { model[key] = round }
            if round % 100 == 0 { pair.pool.collect() }
        }
        pair.pool.collect()
        #expect(pair.pool.statistics.publishedEntries == model.count)
        #expect(pair.pool.statistics.liveExtents == model.count)
        for number in 0..<1500 {
            let key = "key-\(number)"
            #expect(pair.pool.find(try Key(key))?.version.sequence == model[key])
            #expect((pair.get(key).kind() == .hit) == (model[key] != nil))
        }
    }

    @Test("a million keys: all found by the owner, and by a process in the buckets that it looks at", .timeLimit(.minutes(2)))
    func million() throws {
        let pair = try PoolPair(capacityBytes: 512 << 20)
        let extent = try pair.pool.allocate(64, tenant: .owner)
        let count: UInt64 = 1_000_000
        for number in 0..<count {
            try pair.pool.retain(extent)
            _ = try pair.pool.publish(key(number), extent: extent, length: 8, version: Version(term: 1, sequence: number))
        }
        #expect(pair.pool.statistics.entriesGranted >= count)
        var unseen = 0
        for number in 0..<count {
            let copy = pair.pool.find(try key(number))
            guard copy?.version.sequence == number else {
                Issue.record("the owner does not find key \(number)")
                return
            }
            if pair.view.get(try key(number), .local).kind() != .hit { unseen += 1 }
        }
        #expect(unseen < 100, "misses that only cost a question to the owner")
        #expect(pair.view.get(try key(count), .local).kind() == .miss)
    }

    @Test("a table grows a piece with each put: what is put and retired meanwhile is found, or not, by owner and process", arguments: 0..<3)
    func growthInPieces(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let pair = try PoolPair(capacityBytes: 64 << 20)
        let extent = try pair.pool.allocate(64, tenant: .owner)
        var (there, slots): (Set<UInt64>, Set<Int>) = ([], [])
        for number in 0..<60_000 as Range<UInt64> {
            try pair.pool.retain(extent)
            _ = try pair.pool.publish(key(number), extent: extent, length: 8, version: Version(term: 1, sequence: number + 1))
            there.insert(number)
            slots.insert(pair.pool.indexSlots)
            let other = UInt64.random(in: 0...number, using: &random)
            if number % 3 == 0, there.remove(other) != nil, let copy = pair.pool.find(try key(other)) { _ = pair.pool.retire(copy.entry) }
            #expect((pair.pool.find(try key(other)) != nil) == there.contains(other))
        }
        #expect(slots.count > 2, "the table has grown")
        var unseen = 0
        for number in 0..<60_000 as Range<UInt64> {
            let isThere = there.contains(number)
            #expect((pair.pool.find(try key(number)) != nil) == isThere)
            let kind = pair.view.get(try key(number), .local).kind()
            if isThere { unseen += kind == .hit ? 0 : 1 } else { #expect(kind == .miss) }
        }
        #expect(unseen < 20, "misses that only cost a question to the owner")
    }

    @Test("keys that share the whole hash fragment lie in one chain, and leave it in any order")
    func collisions() throws {
        let geometry = PoolGeometry(capacityBytes: 1 << 20, hashSeed: 0)
        let storage = try PoolStorage.anonymous(capacityBytes: 1 << 20)
        let index = IndexUnderTest(base: storage.mapping.base, geometry: geometry)
        let hash = KeyHash(value: 0x1234_5678_0000_0005)
        let neighbour = KeyHash(value: 0x1234_5678_0000_0006)
        for entry in 0..<40 as Range<UInt32> { #expect(index.insert(hash, entry: entry)) }
        #expect(index.insert(neighbour, entry: 100), "its home is full of the others")
        for entry in 0..<40 as Range<UInt32> { #expect(index.first(hash) { $0 == entry } == entry) }
        var random = SeededRandom(seed: 1)
        for entry in (0..<40 as Range<UInt32>).shuffled(using: &random) {
            index.remove(hash, entry: entry)
            #expect(index.first(hash) { $0 == entry } == nil)
            #expect(index.first(neighbour) { $0 == 100 } == 100)
        }
        index.remove(neighbour, entry: 100)
        index.remove(neighbour, entry: 100)
        #expect(index.count == 0)
        let words = UnsafeRawBufferPointer(start: storage.mapping.base + geometry.tableOffset, count: 64 << geometry.firstTableShift)
        #expect(words.allSatisfy { $0 == 0 }, "neither cells nor counts are left")
    }

    @Test("the entries run out: a typed error, and room again after one is collected")
    func entriesRunOut() throws {
        let pair = try PoolPair(capacityBytes: 64 << 10)
        let limit = pair.pool.geometry.entriesLimit
        let extent = try pair.pool.allocate(64, tenant: .owner)
        for number in 0..<limit {
            try pair.pool.retain(extent)
            _ = try pair.pool.publish(try key(UInt64(number)), extent: extent, length: 8, version: Version(term: 1, sequence: 1))
        }
        #expect(throws: PoolError.entriesExhausted(limit: limit)) {
            try pair.pool.publish(try Key("one more"), extent: extent, length: 8, version: Version(term: 1, sequence: 1))
        }
        _ = pair.pool.find(try key(7)).map { pair.pool.retire($0.entry) }
        #expect(pair.pool.collect() == 1)
        _ = try pair.pool.publish(try Key("one more"), extent: extent, length: 8, version: Version(term: 1, sequence: 1))
    }

    @Test("the hash spreads short keys that differ in one byte, and depends on the seed")
    func hash() {
        var buckets = [Int](repeating: 0, count: 256)
        var tags: Set<UInt64> = []
        for number in 0..<65_536 {
            let hash = withUnsafeBytes(of: UInt32(number)) { KeyHash($0, seed: 3) }
            buckets[Int(hash.fragment & 255)] += 1
            tags.insert(hash.tag)
        }
        #expect(buckets.allSatisfy { 170...350 ~= $0 })
        #expect(tags.count > 8_000)
        let key: [UInt8] = Array("a key".utf8)
        #expect(key.withUnsafeBytes { KeyHash($0, seed: 1) } != key.withUnsafeBytes { KeyHash($0, seed: 2) })
    }

    private func key(_ number: UInt64) throws -> Key {
        try Key(withUnsafeBytes(of: number) { Array($0) })
    }
}

/// An index that `#expect` can call.
private final class IndexUnderTest {
    private var table: IndexTable

    init(base: UnsafeMutableRawPointer, geometry: PoolGeometry) { table = IndexTable(base: base, geometry: geometry) }

    var count: Int { table.count }
    func insert(_ hash: KeyHash, entry: UInt32) -> Bool { table.insert(hash, entry: entry) }
    func remove(_ hash: KeyHash, entry: UInt32) { table.remove(hash, entry: entry) }
    func first(_ hash: KeyHash, where isIt: (UInt32) -> Bool) -> UInt32? { table.first(hash, where: isIt) }
}
