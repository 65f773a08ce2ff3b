import FluxonPoolStress
import FluxonSeededRandom
import Testing

@testable import FluxonPool

@Suite struct ExtentAllocatorTests {
    static func make(megabytes: Int) -> AllocatorUnderTest {
        AllocatorUnderTest(dataOffset: 1 << 20, dataBytes: megabytes << 20, pageBytes: 4096)
    }

    @Test("a value wastes at most 63 bytes or 12.5 % of its share of memory, the unused end of its slab included")
    func wasteBound() {
        for pageBytes in [4096, 16384, 65536] {
            let classes = SizeClasses(pageBytes: pageBytes)
            var size = 1
            while size < 64 * pageBytes {
                let held: Double
                if let index = classes.index(for: size) {
                    let sizeClass = classes.classes[index]
                    #expect(sizeClass.byteCount >= size)
                    #expect(index == 0 || classes.classes[index - 1].byteCount < size, "the smallest class that fits")
                    held = Double(sizeClass.slabPages * pageBytes) / Double(sizeClass.slots)
                } else {
                    held = Double((size + pageBytes - 1) / pageBytes * pageBytes)
                }
                #expect(held - Double(size) <= max(64, 0.125 * held), "\(size) bytes hold \(held)")
                size += max(1, size / 97)
            }
        }
    }

    @Test(
        "any history of allocations and releases: live extents never overlap, stay in their tenant's pages, and all memory comes back",
        arguments: 0..<24)
    func randomHistory(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let allocator = Self.make(megabytes: 8)
        let tenants: [Tenant] = [.owner, .process(1), .process(2)]
        try allocator.addProcess(1)
        try allocator.addProcess(2)
        let model = AllocatorModel()
        for _ in 0..<4_000 {
            if Bool.random(using: &random) || model.live.isEmpty {
                let bytes = Int.random(in: 1...(1 << Int.random(in: 1...19, using: &random)), using: &random)
                let tenant = tenants[Int.random(in: 0..<3, using: &random)]
                do {
                    let extent = try allocator.allocate(bytes, tenant: tenant)
                    #expect(extent.offset % 64 == 0)
                    #expect(Int(extent.capacity) >= bytes)
                    #expect(model.add(extent, tenant), "seed \(seed): \(extent) overlaps another")
                } catch {
                    #expect(error == .exhausted(byteCount: bytes))
                }
            } else {
                let victim = model.takeRandom(using: &random)
                #expect(allocator.isLive(victim.extent, tenant: victim.tenant))
                #expect(try allocator.release(victim.extent))
                #expect(allocator.extent(at: victim.extent.offset) == nil)
            }
        }
        for item in model.live { #expect(allocator.isLive(item.extent, tenant: item.tenant)) }
        #expect(allocator.liveExtents == model.live.count)
        while !model.live.isEmpty { try allocator.release(model.takeRandom(using: &random).extent) }
        allocator.removeProcess(1)
        allocator.removeProcess(2)
        #expect(allocator.rootFreeBytes == 8 << 20, "everything coalesces")
        #expect(allocator.liveBytes == 0)
        _ = try allocator.allocate(8 << 20, tenant: .owner)
    }

    @Test("I10: no page has extents of two tenants, and a process's freed page serves only that process")
    func tenantIsolation() throws {
        let allocator = Self.make(megabytes: 1)
        try allocator.addProcess(1)
        let mine = try allocator.allocate(100, tenant: .process(1))
        let span = try #require(allocator.takeGrantedSpans(of: 1).first)
        #expect(allocator.takeGrantedSpans(of: 1).isEmpty)
        #expect(span.offset <= mine.offset && mine.offset < span.offset + span.byteCount)
        try allocator.release(mine)
        // Everything else goes to the owner; the process's span stays the process's, though it is empty.
        var taken: [Extent] = []
        while let extent = try? allocator.allocate(4096, tenant: .owner) { taken.append(extent) }
        #expect(taken.count == 256 - Int(span.byteCount) / 4096)
        #expect(taken.allSatisfy { $0.offset < span.offset || $0.offset >= span.offset + span.byteCount })
        #expect(try allocator.allocate(4096, tenant: .process(1)).offset >= span.offset)
    }

    @Test("F1: a withdrawn span serves nobody until its unmapping is confirmed, then everybody")
    func withdrawal() throws {
        let allocator = Self.make(megabytes: 1)
        try allocator.addProcess(1)
        let mine = try allocator.allocate(1 << 20, tenant: .process(1))
        #expect(allocator.withdrawIdleSpans(of: 1).isEmpty, "it is in use")
        try allocator.release(mine)
        let spans = allocator.withdrawIdleSpans(of: 1)
        #expect(spans.reduce(0) { $0 + $1.byteCount } == 1 << 20)
        #expect(throws: PoolError.exhausted(byteCount: 64)) { try allocator.allocate(64, tenant: .owner) }
        #expect(throws: PoolError.exhausted(byteCount: 64)) { try allocator.allocate(64, tenant: .process(1)) }
        for span in spans {
            #expect(!allocator.confirmUnmapped(PoolSpan(offset: span.offset + 4096, byteCount: 4096), of: 1))
            #expect(!allocator.confirmUnmapped(span, of: 2))
            #expect(allocator.confirmUnmapped(span, of: 1))
            #expect(!allocator.confirmUnmapped(span, of: 1), "once")
        }
        _ = try allocator.allocate(1 << 20, tenant: .owner)
    }

    @Test("what a process holds and what it shall unmap can be said at any time, told before or not")
    func spansOfAProcess() throws {
        let allocator = Self.make(megabytes: 1)
        try allocator.addProcess(1)
        #expect(allocator.spans(of: 1).isEmpty)
        let small = try allocator.allocate(100, tenant: .process(1))
        let granted = allocator.takeGrantedSpans(of: 1)
        #expect(allocator.takeGrantedSpans(of: 1).isEmpty, "told once")
        #expect(allocator.spans(of: 1) == granted)
        let large = try allocator.allocate(256 << 10, tenant: .process(1))
        let held = allocator.spans(of: 1)
        for extent in [small, large] {
            #expect(held.contains { $0.offset <= extent.offset && extent.offset + extent.capacity <= $0.offset + $0.byteCount })
        }
        try allocator.release(large)
        let withdrawn = allocator.withdrawIdleSpans(of: 1)
        #expect(!withdrawn.isEmpty && allocator.withdrawnSpans(of: 1) == withdrawn.sorted { $0.offset < $1.offset })
        let rest = allocator.spans(of: 1)
        #expect(rest.reduce(0) { $0 + $1.byteCount } + withdrawn.reduce(0) { $0 + $1.byteCount } == held.reduce(0) { $0 + $1.byteCount })
        for span in withdrawn { #expect(allocator.confirmUnmapped(span, of: 1)) }
        #expect(allocator.withdrawnSpans(of: 1).isEmpty)
        #expect(allocator.spans(of: 1) == rest)
        #expect(allocator.spans(of: 2).isEmpty, "nobody's")
    }

    @Test("P8: a dead process's free pages serve others at once, its live extents when they are freed")
    func deadTenant() throws {
        let allocator = Self.make(megabytes: 1)
        try allocator.addProcess(1)
        let small = try allocator.allocate(100, tenant: .process(1))
        let large = try allocator.allocate(512 << 10, tenant: .process(1))
        allocator.removeProcess(1)
        #expect(throws: PoolError.unknownProcess(1)) { try allocator.allocate(1, tenant: .process(1)) }
        #expect(allocator.isLive(small, tenant: .owner))
        try allocator.release(large)
        let again = try allocator.allocate(512 << 10, tenant: .owner)
        try allocator.release(again)
        try allocator.release(small)
        #expect(allocator.rootFreeBytes == 1 << 20)
    }

    @Test("no offset from outside is taken for an extent unless one begins exactly there", arguments: 0..<4)
    func foreignOffsets(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let allocator = Self.make(megabytes: 2)
        var live: Set<UInt64> = []
        for _ in 0..<300 {
            guard let extent = try? allocator.allocate(Int.random(in: 1...40_000, using: &random), tenant: .owner) else { break }
            live.insert(extent.offset)
        }
        for offset in live.shuffled(using: &random).prefix(live.count / 2) {
            try allocator.release(try #require(allocator.extent(at: offset)))
            live.remove(offset)
        }
        for offset in stride(from: UInt64(0), to: 4 << 20, by: 64) {
            #expect((allocator.extent(at: offset) != nil) == live.contains(offset))
        }
        #expect(allocator.extent(at: .max) == nil)
        #expect(allocator.extent(at: 1) == nil)
    }

    @Test("sizes out of range are refused with the numbers", arguments: [-1, (1 << 20) + 1, Int.max])
    func outOfRange(bytes: Int) {
        let allocator = Self.make(megabytes: 1)
        #expect(throws: PoolError.tooLarge(byteCount: bytes, capacity: 1 << 20)) { try allocator.allocate(bytes, tenant: .owner) }
    }

    @Test("a million live extents: each further allocation and release costs what the first did", .timeLimit(.minutes(1)))
    func million() throws {
        let allocator = Self.make(megabytes: 1 << 10)
        var extents: [Extent] = []
        extents.reserveCapacity(1_000_000)
        for _ in 0..<1_000_000 { extents.append(try allocator.allocate(1000, tenant: .owner)) }
        #expect(allocator.liveExtents == 1_000_000)
        #expect(Set(extents.map(\.offset)).count == 1_000_000)
        for extent in extents { try allocator.release(extent) }
        #expect(allocator.rootFreeBytes == 1 << 30)
    }
}

/// What is live, kept sorted by place.
private final class AllocatorModel {
    var live: [(extent: Extent, tenant: Tenant)] = []
    private var ends: [UInt64: UInt64] = [:]

    /// False when it overlaps a live one.
    func add(_ extent: Extent, _ tenant: Tenant) -> Bool {
        let overlaps = ends.contains { start, end in start < extent.offset + extent.capacity && extent.offset < end }
        live.append((extent, tenant))
        ends[extent.offset] = extent.offset + extent.capacity
        return !overlaps
    }

    func takeRandom(using random: inout SeededRandom) -> (extent: Extent, tenant: Tenant) {
        live.swapAt(Int.random(in: 0..<live.count, using: &random), live.count - 1)
        let item = live.removeLast()
        ends[item.extent.offset] = nil
        return item
    }
}
