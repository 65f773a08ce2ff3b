/// Gives out extents of the data area: rules only, no memory is touched.
///
/// Tenants hold whole chunks (CONSISTENCY F1); within them small extents come from slabs and larger ones are whole pages. Allocating,
/// retaining and releasing are O(1) but for chunks changing hands. A freed extent goes back to its tenant; what the owner's own
/// tenant leaves empty goes on to the root, a process's chunks only after its `munmap` was confirmed or it died.
struct ExtentAllocator: Sendable {
    private static let owner = 1

    private let classes: SizeClasses
    private let pageBytes: Int
    private let dataOffset: UInt64
    private var runs: PageRuns
    private var slabs: SlabTable
    private var numbers: [Tenant: Int] = [.owner: owner]
    private var unusedNumbers: [Int] = []
    private var nextNumber = 2
    /// Chunks that tenants got and their processes were not told of yet.
    private var granted: [Tenant: [PoolSpan]] = [:]
    private var withdrawn: [Tenant: Set<PoolSpan>] = [:]
    private(set) var liveExtents = 0
    private(set) var liveBytes = 0
    #if FLUXON_PLANTING
    var planted: PlantedPoolMistake?
    #endif

    init(dataOffset: UInt64, dataBytes: Int, pageBytes: Int, chunkBytes: Int) {
        classes = SizeClasses(pageBytes: pageBytes)
        self.pageBytes = pageBytes
        self.dataOffset = dataOffset
        runs = PageRuns(chunks: dataBytes / chunkBytes, pagesPerChunk: chunkBytes / pageBytes)
        slabs = SlabTable(classCount: classes.classes.count)
        runs.addTenant(Self.owner)
        slabs.addTenant(Self.owner)
    }

    var dataBytes: Int { runs.pages.count * pageBytes }
    /// Bytes that belong to no tenant.
    var rootFreeBytes: Int { runs.freePages(of: PageRuns.root) * pageBytes }
    /// Whole free pages that only `tenant` can use.
    func freeBytes(of tenant: Tenant) -> Int { numbers[tenant].map { runs.freePages(of: $0) * pageBytes } ?? 0 }

    mutating func addTenant(_ tenant: Tenant) {
        guard numbers[tenant] == nil else { return }
        let number: Int
        if let reused = unusedNumbers.popLast() {
            number = reused
        } else {
            number = nextNumber
            nextNumber += 1
        }
        numbers[tenant] = number
        runs.addTenant(number)
        slabs.addTenant(number)
    }

    /// An extent of at least `byteCount` bytes with one reference.
    ///
    /// - Throws: `.tooLarge`, `.exhausted`, `.unknownProcess`.
    mutating func allocate(_ byteCount: Int, tenant: Tenant) throws(PoolError) -> Extent {
        guard let number = numbers[tenant] else { throw unknown(tenant) }
        guard byteCount >= 0, byteCount <= dataBytes else { throw .tooLarge(byteCount: byteCount, capacity: dataBytes) }
        let extent: Extent
        if let classIndex = classes.index(for: byteCount) {
            extent = try allocateSlot(classIndex, byteCount: byteCount, number: number, tenant: tenant)
        } else {
            let count = (byteCount + pageBytes - 1) / pageBytes
            guard let start = takePages(count, number: number, tenant: tenant) else { throw .exhausted(byteCount: byteCount) }
            runs.setPage(start + count - 1, .init(kind: .extentEnd))
            runs.setPage(start, .init(kind: .extent, value: UInt32(count), next: 1))
            extent = Extent(offset: offset(ofPage: start), capacity: UInt64(count * pageBytes))
        }
        liveExtents += 1
        liveBytes += Int(extent.capacity)
        return extent
    }

    /// The live extent that begins at `offset`, whatever `offset` is.
    func extent(at offset: UInt64) -> Extent? {
        guard let place = place(of: offset) else { return nil }
        return Extent(offset: offset, capacity: UInt64(capacity(of: place)))
    }

    /// Whether `extent` is live, exactly so, and in `tenant`'s pages (F2).
    func isLive(_ extent: Extent, tenant: Tenant) -> Bool {
        guard let number = numbers[tenant], let place = place(of: extent.offset), capacity(of: place) == Int(clamping: extent.capacity)
        else { return false }
        return runs.tenant(ofPage: page(of: place)) == number
    }

    mutating func retain(_ extent: Extent) throws(PoolError) { _ = try count(extent, add: 1) }

    /// Drops one reference; true when that freed the extent.
    @discardableResult
    mutating func release(_ extent: Extent) throws(PoolError) -> Bool { try count(extent, add: -1) == 0 }

    /// Spans that `tenant` got since the last call: its process maps them before it writes an extent in them.
    mutating func takeGrantedSpans(of tenant: Tenant) -> [PoolSpan] { granted.removeValue(forKey: tenant) ?? [] }

    /// What `tenant`'s process may map for writing, whether it was told or not; not what it shall unmap. O(chunks).
    func spans(of tenant: Tenant) -> [PoolSpan] {
        guard let number = numbers[tenant] else { return [] }
        var spans: [PoolSpan] = []
        for chunk in runs.chunkTenants.indices where runs.chunkTenants[chunk] == number {
            let start = chunk * runs.pagesPerChunk
            guard !isWithdrawn(start, from: tenant) else { continue }
            let span = PoolSpan(offset: offset(ofPage: start), byteCount: UInt64(runs.pagesPerChunk * pageBytes))
            if let last = spans.last, last.offset + last.byteCount == span.offset {
                spans[spans.count - 1] = PoolSpan(offset: last.offset, byteCount: last.byteCount + span.byteCount)
            } else {
                spans.append(span)
            }
        }
        return spans
    }

    /// What `tenant`'s process was asked to unmap and did not confirm.
    func withdrawnSpans(of tenant: Tenant) -> [PoolSpan] { (withdrawn[tenant] ?? []).sorted { $0.offset < $1.offset } }

    private func isWithdrawn(_ page: Int, from tenant: Tenant) -> Bool {
        withdrawn[tenant]?.contains { pages(of: $0).contains(page) } ?? false
    }

    /// Takes `tenant`'s wholly free chunks out of use. Its process unmaps them and confirms, see `confirmUnmapped`.
    mutating func withdrawIdleSpans(of tenant: Tenant) -> [PoolSpan] {
        guard let number = numbers[tenant], tenant != .owner else { return [] }
        var spans: [PoolSpan] = []
        for run in runs.freeRuns(of: number) {
            guard let part = runs.wholeChunks(in: run) else { continue }
            runs.cut(part, from: run, of: number)
            runs.setPage(part.lowerBound, .init(kind: .withdrawn, value: UInt32(part.count)))
            spans.append(PoolSpan(offset: offset(ofPage: part.lowerBound), byteCount: UInt64(part.count * pageBytes)))
        }
        withdrawn[tenant, default: []].formUnion(spans)
        #if FLUXON_PLANTING
        if planted == .reuseBeforeUnmap { for span in spans { _ = confirmUnmapped(span, tenant: tenant) } }
        #endif
        return spans
    }

    /// `tenant`'s process has no mapping of `span` any more; it goes to the root. False when it was not withdrawn from this tenant.
    mutating func confirmUnmapped(_ span: PoolSpan, tenant: Tenant) -> Bool {
        guard withdrawn[tenant]?.remove(span) != nil else { return false }
        giveToRoot(pages(of: span))
        return true
    }

    /// The process is dead (CONSISTENCY P8): its pages have no writer any more. Free ones go to the root, the others when they are freed.
    mutating func removeTenant(_ tenant: Tenant) {
        guard tenant != .owner, let number = numbers.removeValue(forKey: tenant) else { return }
        granted[tenant] = nil
        for span in withdrawn.removeValue(forKey: tenant) ?? [] { giveToRoot(pages(of: span)) }
        let free = runs.freeRuns(of: number)
        for run in free { runs.removeRun(run, of: number) }
        for chunk in runs.chunkTenants.indices where runs.chunkTenants[chunk] == number {
            runs.assign(chunk * runs.pagesPerChunk..<(chunk + 1) * runs.pagesPerChunk, to: Self.owner)
        }
        slabs.move(from: number, to: Self.owner)
        for run in free { givePages(run, to: Self.owner) }
        unusedNumbers.append(number)
    }
}

extension ExtentAllocator {
    /// Where a live extent is.
    private enum Place {
        case slot(slab: Int, slot: Int)
        case pages(start: Int, count: Int)
    }

    private mutating func allocateSlot(_ classIndex: Int, byteCount: Int, number: Int, tenant: Tenant) throws(PoolError) -> Extent {
        let sizeClass = classes.classes[classIndex]
        let slab: Int
        if let partial = slabs.partial(classIndex: classIndex, tenant: number) {
            slab = partial
        } else {
            guard let start = takePages(sizeClass.slabPages, number: number, tenant: tenant) else { throw .exhausted(byteCount: byteCount) }
            slab = slabs.make(startPage: start, classIndex: classIndex, slots: sizeClass.slots, tenant: number)
            for page in start..<start + sizeClass.slabPages { runs.setPage(page, .init(kind: .slab, value: UInt32(slab))) }
        }
        let slot = slabs.takeSlot(of: slab)
        let offset = offset(ofPage: slabs.startPage(of: slab)) + UInt64(slot * sizeClass.byteCount)
        return Extent(offset: offset, capacity: UInt64(sizeClass.byteCount))
    }

    private mutating func takePages(_ count: Int, number: Int, tenant: Tenant) -> Int? {
        if let start = runs.take(count, from: number) { return start }
        let chunks = (count + runs.pagesPerChunk - 1) / runs.pagesPerChunk
        guard let span = runs.grant(chunks: chunks, to: number) else { return nil }
        if tenant != .owner {
            let bytes = UInt64(span.count * pageBytes)
            granted[tenant, default: []].append(PoolSpan(offset: offset(ofPage: span.lowerBound), byteCount: bytes))
        }
        return runs.take(count, from: number)
    }

    private mutating func count(_ extent: Extent, add difference: Int) throws(PoolError) -> Int {
        guard let place = place(of: extent.offset) else { throw .notYourExtent(offset: extent.offset) }
        let capacity = capacity(of: place)
        let count: Int
        switch place {
        case .slot(let slab, let slot):
            let startPage = slabs.startPage(of: slab)
            count = slabs.count(slab, slot: slot, add: difference)
            if count == 0, slabs.isEmpty(slab) {
                let pages = startPage..<startPage + classes.classes[slabs.classIndex(of: slab)].slabPages
                slabs.remove(slab)
                for page in pages { runs.setPage(page, .init()) }
                givePages(pages, to: runs.tenant(ofPage: startPage))
            }
        case .pages(let start, let pageCount):
            count = runs.count(start, add: difference)
            if count == 0 {
                runs.setPage(start, .init())
                runs.setPage(start + pageCount - 1, .init())
                givePages(start..<start + pageCount, to: runs.tenant(ofPage: start))
            }
        }
        if count == 0 {
            liveExtents -= 1
            liveBytes -= capacity
        }
        return count
    }

    /// Pages back to a tenant; the owner's whole chunks go on to the root.
    private mutating func givePages(_ range: Range<Int>, to number: Int) {
        let run = runs.give(range.lowerBound, count: range.count, to: number)
        guard number == Self.owner, let part = runs.wholeChunks(in: run) else { return }
        runs.cut(part, from: run, of: number)
        giveToRoot(part)
    }

    private mutating func giveToRoot(_ range: Range<Int>) {
        runs.setPage(range.lowerBound, .init())
        runs.assign(range, to: PageRuns.root)
        runs.give(range.lowerBound, count: range.count, to: PageRuns.root)
    }

    private func place(of offset: UInt64) -> Place? {
        guard offset >= dataOffset, offset - dataOffset < UInt64(dataBytes) else { return nil }
        let position = Int(offset - dataOffset)
        let page = position / pageBytes
        switch runs.pages[page].kind {
        case .extent:
            return position % pageBytes == 0 ? .pages(start: page, count: Int(runs.pages[page].value)) : nil
        case .slab:
            let slab = Int(runs.pages[page].value)
            let inside = position - slabs.startPage(of: slab) * pageBytes
            let size = classes.classes[slabs.classIndex(of: slab)].byteCount
            guard inside % size == 0, slabs.isLive(slab, slot: inside / size) else { return nil }
            return .slot(slab: slab, slot: inside / size)
        case .inside, .free, .extentEnd, .withdrawn:
            return nil
        }
    }

    private func capacity(of place: Place) -> Int {
        switch place {
        case .slot(let slab, _): classes.classes[slabs.classIndex(of: slab)].byteCount
        case .pages(_, let count): count * pageBytes
        }
    }

    private func page(of place: Place) -> Int {
        switch place {
        case .slot(let slab, _): slabs.startPage(of: slab)
        case .pages(let start, _): start
        }
    }

    private func offset(ofPage page: Int) -> UInt64 { dataOffset + UInt64(page * pageBytes) }

    private func pages(of span: PoolSpan) -> Range<Int> {
        let start = Int(span.offset - dataOffset) / pageBytes
        return start..<start + Int(span.byteCount) / pageBytes
    }

    private func unknown(_ tenant: Tenant) -> PoolError {
        switch tenant {
        case .owner: .unknownProcess(0)
        case .process(let process): .unknownProcess(process)
        }
    }
}
