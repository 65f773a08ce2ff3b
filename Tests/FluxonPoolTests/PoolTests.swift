import FluxonCore
import FluxonPool
import FluxonPoolStress
import Testing

@Suite struct PoolTests {
    @Test("what was published is found by the owner and read by a process")
    func publishAndGet() throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1, 2, 3])
        #expect(pair.pool.find(try Key("key"))?.entry == entry)
        #expect(pair.read("key") == [1, 2, 3])
        #expect(pair.get("other").kind() == .miss)
    }

    @Test("a key of any length up to 1 024 bytes is stored and compared whole", arguments: [1, 8, 15, 16, 17, 71, 72, 73, 100, 1024])
    func keyLengths(length: Int) throws {
        let pair = try PoolPair()
        let key = String(repeating: "k", count: length)
        let entry = try pair.put(key, [7])
        #expect(pair.read(key) == [7])
        #expect(pair.pool.key(of: entry) == (try Key(key)))
        #expect(pair.get(String(repeating: "k", count: length - 1) + "x").kind() == .miss)
    }

    @Test("P2: a second published entry of a key is refused")
    func onePublishedEntry() throws {
        let pair = try PoolPair()
        try pair.put("key", [1])
        #expect(throws: PoolError.alreadyPublished) { try pair.put("key", [2]) }
    }

    @Test("P5: a retired entry is not read any more, and its extent is free once nobody refers to it")
    func retire() throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1])
        let copy = try #require(pair.pool.retire(entry))
        #expect(pair.get("key").kind() == .miss)
        #expect(pair.pool.collect() == 1)
        #expect(pair.pool.isLive(copy.extent, tenant: .owner), "the caller's reference is left")
        #expect(try pair.pool.release(copy.extent))
        #expect(pair.pool.statistics.liveExtents == 0)
        #expect(pair.pool.retire(entry) == nil)
    }

    @Test("P5: a pinned value keeps its entry and its bytes until the pin goes")
    func pinned() throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1, 2, 3])
        let held = try #require(pair.pin("key"))
        let copy = try #require(pair.pool.retire(entry))
        #expect(try !pair.pool.release(copy.extent))
        #expect(pair.pool.collect() == 0)
        #expect(held.bytes == [1, 2, 3])
        held.drop()
        #expect(pair.pool.collect() == 1)
        #expect(pair.pool.statistics.liveExtents == 0)
        #expect(pair.view.heldPins == 0)
    }

    @Test("a parked copy reappears in a fresh entry with the same extent")
    func reappears() throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [9])
        let copy = try #require(pair.pool.retire(entry))
        let again = try pair.pool.publish(try Key("key"), extent: copy.extent, length: copy.length, version: copy.version)
        #expect(again != entry)
        #expect(pair.pool.collect() == 1)
        #expect(pair.read("key") == [9])
    }

    @Test("P3: after D a get is not current; with .local it is served; after an epoch change never")
    func validity() throws {
        let pair = try PoolPair()
        try pair.put("key", [1])
        #expect(pair.get("key", at: 999).kind() == .hit)
        #expect(pair.get("key", at: 1_000).kind() == .notCurrent)
        #expect(pair.get("key", at: 5_000, .local).kind() == .hit)
        pair.pool.setDeadline(BootInstant(nanoseconds: 500))
        #expect(pair.pool.deadline == BootInstant(nanoseconds: 1_000), "L2: D never falls")
        #expect(pair.view.heldPins == 0)
        let epochBefore = pair.pool.epoch
        pair.pool.fence()
        #expect(pair.pool.epoch == epochBefore + 1)
        #expect(pair.get("key", at: 1, .local).kind() == .epochChanged)
        #expect(!pair.view.isAttached)
    }

    @Test("P7: without a free pin word a get fails, and goes on after a grant")
    func pinWords() throws {
        let pair = try PoolPair()
        try pair.put("key", [1])
        var held: [Held] = []
        while let view = pair.pin("key") { held.append(view) }
        #expect(held.count == 512)
        #expect(pair.get("key").kind() == .noPinWord)
        pair.view.grantPins(upTo: try pair.pool.grantPins(process: 1))
        #expect(pair.get("key").kind() == .hit)
        #expect(pair.view.heldPins == 512)
        for view in held { view.drop() }
        #expect(pair.view.heldPins == 0)
    }

    @Test("P7: a value handed over is kept until the process has pinned it, listed or not")
    func handover() throws {
        let pair = try PoolPair()
        let extent = try pair.pool.allocate(3, tenant: .owner)
        pair.pool.bytes(of: extent)?.copyBytes(from: [4, 5, 6])
        let entry = try pair.pool.makeUnlisted(try Key("key"), extent: extent, length: 3, version: Version(term: 1, sequence: 1))
        #expect(pair.get("key").kind() == .miss)
        #expect(pair.pool.collect() == 0)
        let view = try #require(pair.take(entry, epoch: pair.pool.epoch))
        pair.pool.unhold(entry)
        #expect(pair.pool.collect() == 0)
        #expect(view.bytes == [4, 5, 6])
        #expect(pair.view.take(entry, epoch: pair.pool.epoch + 1).kind() == .epochChanged)
        view.drop()
        #expect(pair.pool.collect() == 1)
        #expect(pair.view.take(entry, epoch: pair.pool.epoch).kind() == .miss)
        #expect(pair.pool.statistics.liveExtents == 0)
    }

    @Test("P8: the pins of a dead process are gone")
    func processDies() throws {
        let pair = try PoolPair()
        let entry = try pair.put("key", [1])
        let held = try #require(pair.pin("key"))
        _ = pair.pool.retire(entry)
        #expect(pair.pool.collect() == 0)
        pair.pool.processDied(1)
        #expect(pair.pool.collect() == 1)
        held.drop()
    }

    @Test("F2: an extent counts only whole, live and in its tenant's pages")
    func extentChecks() throws {
        let pair = try PoolPair()
        let extent = try pair.pool.allocate(1000, tenant: .process(1))
        #expect(pair.pool.isLive(extent, tenant: .process(1)))
        #expect(!pair.pool.isLive(extent, tenant: .owner))
        #expect(!pair.pool.isLive(Extent(offset: extent.offset + 64, capacity: extent.capacity), tenant: .process(1)))
        #expect(!pair.pool.isLive(Extent(offset: extent.offset, capacity: extent.capacity * 2), tenant: .process(1)))
        #expect(!pair.pool.isLive(Extent(offset: .max, capacity: 1), tenant: .process(1)))
        let key = try Key("key")
        #expect(throws: PoolError.lengthExceedsExtent(length: 5_000, capacity: extent.capacity)) {
            try pair.pool.publish(key, extent: extent, length: 5_000, version: Version(term: 1, sequence: 1))
        }
        try pair.pool.release(extent)
        #expect(throws: PoolError.notYourExtent(offset: extent.offset)) { try pair.pool.release(extent) }
    }

    @Test("replicas are evicted before other copies, what was read later than what was not")
    func evictionOrder() throws {
        let pair = try PoolPair()
        pair.pool.replicaFlag = 4
        for (key, flags) in [("a", 0), ("b", 4), ("c", 4), ("d", 0)] as [(String, UInt32)] {
            let extent = try pair.pool.allocate(1, tenant: .owner)
            _ = try pair.pool.publish(try Key(key), extent: extent, length: 1, version: Version(term: 1, sequence: 1), flags: flags)
        }
        #expect(pair.read("b") != nil)
        #expect(pair.read("a") != nil)
        var order: [String] = []
        while let copy = pair.pool.evictionCandidate(), let key = pair.pool.key(of: copy.entry) {
            order.append(key.description)
            _ = pair.pool.retire(copy.entry)
        }
        #expect(order == ["c", "b", "d", "a"])
    }

    @Test("a put through a write arena is seen by readers")
    func writeArena() throws {
        let pair = try PoolPair()
        let arena = try WriteArena(pool: pair.pool.storage.writableFile)
        let extent = try pair.pool.allocate(200_000, tenant: .process(1))
        #expect(arena.bytes(of: extent) == nil)
        for span in pair.pool.takeGrantedSpans(of: 1) { try arena.map(span) }
        let bytes = [UInt8](repeating: 42, count: 200_000)
        bytes.withUnsafeBytes { source in arena.bytes(of: extent).map { copyStreaming(to: $0, from: source) } }
        _ = try pair.pool.publish(try Key("key"), extent: extent, length: 200_000, version: Version(term: 1, sequence: 1))
        #expect(pair.read("key") == bytes)
    }

    @Test("a span that a process hears of a second time keeps its bytes and its place; once unmapped it is gone")
    func mappedTwice() throws {
        let pair = try PoolPair()
        let arena = try WriteArena(pool: pair.pool.storage.writableFile)
        let extent = try pair.pool.allocate(200_000, tenant: .process(1))
        for span in pair.pool.takeGrantedSpans(of: 1) { try arena.map(span) }
        let first = try #require(arena.bytes(of: extent))
        first.storeBytes(of: 42, toByteOffset: 100_000, as: UInt64.self)
        for span in pair.pool.spans(of: 1) { try arena.map(span) }
        let second = try #require(arena.bytes(of: extent))
        #expect(second.baseAddress == first.baseAddress)
        #expect(second.load(fromByteOffset: 100_000, as: UInt64.self) == 42)
        try pair.pool.release(extent)
        for span in pair.pool.withdrawIdleSpans(of: 1) { try arena.unmap(span) }
        #expect(arena.bytes(of: extent) == nil)
    }

    @Test("a span that is not whole pages of the file is neither mapped nor unmapped: the kernel would take more")
    func partsOfPages() throws {
        let pair = try PoolPair()
        let arena = try WriteArena(pool: pair.pool.storage.writableFile)
        let extent = try pair.pool.allocate(200_000, tenant: .process(1))
        for span in pair.pool.takeGrantedSpans(of: 1) { try arena.map(span) }
        let end = arena.byteCount
        let spans: [(UInt64, UInt64)] = [(extent.offset, 100), (extent.offset + 64, 4096), (0, 0), (end, 4096), (.max - 4095, 4096)]
        for (offset, byteCount) in spans {
            #expect(throws: PoolError.self) { try arena.unmap(PoolSpan(offset: offset, byteCount: byteCount)) }
        }
        #expect(throws: PoolError.self) { try arena.map(PoolSpan(offset: end, byteCount: 4096)) }
        let bytes = try #require(arena.bytes(of: extent))
        bytes.initializeMemory(as: UInt8.self, repeating: 42)
    }
}
