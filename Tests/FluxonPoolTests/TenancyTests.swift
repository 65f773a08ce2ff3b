import Testing

@testable import FluxonPool

/// What processes cost the pool (issue A1): what stays of a tenant are the pages that its values lie on.
@Suite struct TenancyTests {
    @Test("a dead process leaves one page to a small value, and that page's free slots to the owner", arguments: [64, 1_000, 4_096])
    func deadProcessLeavesPages(byteCount: Int) throws {
        let allocator = ExtentAllocatorTests.make(megabytes: 4)
        var left: [Extent] = []
        for process in 1...UInt64(200) {
            try allocator.addProcess(process)
            var extents: [Extent] = []
            for _ in 0..<40 { extents.append(try allocator.allocate(byteCount, tenant: .process(process))) }
            for extent in extents.dropFirst() { try allocator.release(extent) }
            left.append(extents[0])
            allocator.removeProcess(process)
        }
        #expect(allocator.rootFreeBytes >= 4 << 20 - 200 * 4_096)
        let extents = try (0..<100).map { _ in try allocator.allocate(byteCount, tenant: .owner) }
        let pages = Set((left + extents).map { $0.offset / 4_096 })
        #expect(pages.count <= (byteCount == 4_096 ? 300 : 204), "the owner fills pages that are in use")
        for extent in left + extents { try allocator.release(extent) }
        #expect(allocator.rootFreeBytes == 4 << 20)
    }

    @Test("spans start small and grow with what a process holds; a large value takes its own size")
    func spansGrow() throws {
        let allocator = ExtentAllocatorTests.make(megabytes: 64)
        for process in 1...UInt64(2) { try allocator.addProcess(process) }
        _ = try allocator.allocate(1_000, tenant: .process(1))
        #expect(allocator.heldBytes(of: 1) == 64 << 10)
        var spans = allocator.takeGrantedSpans(of: 1).count
        for _ in 0..<8_000 {
            _ = try allocator.allocate(1_000, tenant: .process(1))
            spans += allocator.takeGrantedSpans(of: 1).count
        }
        #expect(spans < 20, "each is half of what it holds already")
        #expect(allocator.heldBytes(of: 1) < 13 << 20)
        _ = try allocator.allocate(3 << 20, tenant: .process(2))
        #expect(allocator.heldBytes(of: 2) == 3 << 20)
    }

    @Test("while space is short a slab gives each page away that gets empty, and takes up no more until it is gone")
    func tightSlabs() throws {
        let allocator = ExtentAllocatorTests.make(megabytes: 1)
        var extents: [Extent] = []
        while let extent = try? allocator.allocate(1_024, tenant: .owner) { extents.append(extent) }
        #expect(extents.count == 1_024)
        // Of each page one of four stays.
        for (index, extent) in extents.enumerated() where index % 4 != 0 { try allocator.release(extent) }
        #expect(throws: PoolError.exhausted(byteCount: 8_192)) { try allocator.allocate(8_192, tenant: .owner) }
        // Every second page gets empty, before space is short and while it is.
        let rest = extents.enumerated().filter { $0.offset % 4 == 0 }.map(\.element)
        for extent in rest.prefix(16).enumerated().filter({ $0.offset % 2 == 0 }).map(\.element) { try allocator.release(extent) }
        allocator.tighten()
        #expect(allocator.rootFreeBytes == 8 * 4_096)
        for extent in rest.suffix(16) { try allocator.release(extent) }
        #expect(allocator.rootFreeBytes == 24 * 4_096)
        _ = try allocator.allocate(16 * 4_096, tenant: .owner)
        _ = try (0..<100).map { _ in try allocator.allocate(1_024, tenant: .owner) }
        #expect(allocator.rootFreeBytes == 8 * 4_096, "free slots of pages in use come first")
    }

    @Test("a slab takes fewer pages where there are no more: the last free page serves any size up to its own")
    func lastPage() throws {
        for byteCount in [64, 700, 2_000, 3_500, 4_096] {
            let allocator = ExtentAllocatorTests.make(megabytes: 1)
            _ = try allocator.allocate(255 * 4_096, tenant: .owner)
            _ = try allocator.allocate(byteCount, tenant: .owner)
        }
    }

    @Test("a window frees a run of pages around a value, at the side where less is lost; what cannot go is not in it")
    func window() throws {
        let allocator = ExtentAllocatorTests.make(megabytes: 1)
        // From the end of the pool towards its start.
        let extents = try (0..<16).map { _ in try allocator.allocate(16 * 4_096, tenant: .owner) }.reversed() as [Extent]
        for (number, extent) in extents.enumerated() { allocator.setEntry(UInt32(number), of: extent) }
        func window(_ middle: Int, _ pages: Int, cost: @escaping (UInt32) -> Int?) -> Set<UInt32>? {
            allocator.window(around: extents[middle], pages: pages, tenant: .owner, crosses: false) { number, _ in cost(number) }.map {
                Set($0.entries)
            }
        }
        #expect(window(8, 16) { _ in 1 } == [8])
        #expect(window(8, 40) { $0 > 8 ? 5 : 1 } == [6, 7, 8])
        #expect(window(8, 40) { $0 < 8 ? 5 : 1 } == [8, 9, 10])
        #expect(window(8, 40) { $0 == 9 ? nil : 1 } == [6, 7, 8])
        #expect(window(8, 40) { $0 == 9 || $0 == 7 ? nil : 1 } == nil)
        try allocator.release(extents[7])
        #expect(window(8, 40) { _ in 1 }.map { $0.count } == 2, "free pages cost nothing")
    }

    @Test("a window of one process's pages is its own; over others' it goes only where these may unmap theirs")
    func windowOfProcesses() throws {
        let allocator = ExtentAllocatorTests.make(megabytes: 1)
        for process in 1...UInt64(2) { try allocator.addProcess(process) }
        allocator.tighten()
        let extents = try (0..<16).map { try allocator.allocate(16 * 4_096, tenant: .process(UInt64($0 % 2 + 1))) }.sorted {
            $0.offset < $1.offset
        }
        for (number, extent) in extents.enumerated() { allocator.setEntry(UInt32(number), of: extent) }
        let middle = extents[8]
        #expect(allocator.window(around: middle, pages: 32, tenant: .owner, crosses: false) { _, _ in 1 } == nil)
        #expect(allocator.window(around: middle, pages: 32, tenant: .owner, crosses: true) { _, _ in 1 }?.entries.count == 2)
        let other: UInt64 = allocator.isLive(middle, tenant: .process(1)) ? 1 : 2
        #expect(allocator.window(around: middle, pages: 32, tenant: .process(other), crosses: true) { _, _ in 1 } == nil)
    }
}
