/// Gives out extents of the data area: rules only, no memory is touched.
///
/// A process that puts holds spans of pages (CONSISTENCY F1); within them small extents come from slabs and larger ones are whole pages.
/// All other pages are the root's, and the owner takes what it needs from there.
///
///     root ──granted with an extent, more the more it holds──▶ a process's ──its death: what is free, and each page that gets free──▶ root
///                                                                └──withdrawn ──its library confirmed the unmapping──▶ root
///
/// Allocating, retaining and releasing are O(1) but for what a process's spans take to find, O(log spans). While space is short (`tighten`)
/// a slab gives away each page that gets empty, so that what is lost to a value are parts of pages.
struct ExtentAllocator: Sendable {
    /// What one process holds.
    struct Holding: Sendable {
        let number: Int
        /// What it may map for writing, told or not; not what it shall unmap.
        var spans = SpanSet()
        var untold = SpanSet()
        var withdrawn: Set<PoolSpan> = []
    }

    static let root = PageRuns.root
    /// The least and the most pages that a process gets beyond its need.
    private static let growth = 16...1024
    /// A process with more spans than this gets no other: the kernel has a limit on mappings (vm.max_map_count, 65 530).
    private static let spanLimit = 16 << 10

    let classes: SizeClasses
    let pageBytes: Int
    let dataOffset: UInt64
    var runs: PageRuns
    var slabs: SlabTable
    var holdings: [UInt64: Holding] = [:]
    /// Numbers of processes that do not answer: what gets free in their pages is of no use to others.
    var silent: Set<Int> = []
    private var unusedNumbers: [Int] = []
    private var nextNumber = 1
    private(set) var liveExtents = 0
    private(set) var liveBytes = 0
    /// Space is short: pages are worth more than time.
    private(set) var isTight = false
    #if FLUXON_PLANTING
    var planted: PlantedPoolMistake?
    #endif

    init(dataOffset: UInt64, dataBytes: Int, pageBytes: Int) {
        classes = SizeClasses(pageBytes: pageBytes)
        self.pageBytes = pageBytes
        self.dataOffset = dataOffset
        runs = PageRuns(pageCount: dataBytes / pageBytes)
        slabs = SlabTable(classCount: classes.classes.count)
        slabs.addTenant(Self.root)
    }

    var dataBytes: Int { runs.pages.count * pageBytes }
    /// Free pages that anybody may have.
    var rootFreeBytes: Int { runs.freePages(of: Self.root) * pageBytes }

    /// - Throws: `.system` when more processes put than the books have numbers for.
    mutating func addProcess(_ process: UInt64) throws(PoolError) {
        guard holdings[process] == nil else { return }
        guard let number = unusedNumbers.popLast() ?? (nextNumber <= PageRuns.tenantLimit ? nextNumber : nil) else {
            throw .system("\(PageRuns.tenantLimit) processes that put are attached, the limit")
        }
        if number == nextNumber { nextNumber += 1 }
        holdings[process] = Holding(number: number)
        runs.addTenant(number)
        slabs.addTenant(number)
    }

    func number(of tenant: Tenant) -> Int? {
        switch tenant {
        case .owner: Self.root
        case .process(let process): holdings[process]?.number
        }
    }

    /// An extent of at least `byteCount` bytes with one reference.
    ///
    /// - Throws: `.tooLarge`, `.exhausted`, `.unknownProcess`.
    mutating func allocate(_ byteCount: Int, tenant: Tenant) throws(PoolError) -> Extent {
        guard let number = number(of: tenant) else { throw unknown(tenant) }
        guard byteCount >= 0, byteCount <= dataBytes else { throw .tooLarge(byteCount: byteCount, capacity: dataBytes) }
        let extent: Extent
        if let classIndex = classes.index(for: byteCount) {
            guard let slab = slabs.partial(classIndex: classIndex, tenant: number) ?? makeSlab(classIndex, number, tenant) else {
                throw .exhausted(byteCount: byteCount)
            }
            let size = classes.classes[classIndex].byteCount
            let offset = offset(ofPage: slabs.startPage(of: slab)) + UInt64(slabs.takeSlot(of: slab) * size)
            extent = Extent(offset: offset, capacity: UInt64(size))
        } else {
            let count = (byteCount + pageBytes - 1) / pageBytes
            // From the other end than slabs, so that these do not lie between large values.
            guard let start = takePages(count, number, tenant, high: true) else { throw .exhausted(byteCount: byteCount) }
            runs.mark(start..<start + count, .extent, last: .extentEnd, tenant: number)
            _ = runs.count(start, add: 1)
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
        guard let number = number(of: tenant), let place = place(of: extent.offset), capacity(of: place) == Int(clamping: extent.capacity)
        else { return false }
        return self.tenant(of: place) == number
    }

    mutating func retain(_ extent: Extent) throws(PoolError) { _ = try count(extent, add: 1) }

    /// Drops one reference; true when that freed the extent.
    @discardableResult
    mutating func release(_ extent: Extent) throws(PoolError) -> Bool { try count(extent, add: -1) == 0 }

    /// References on a live extent; zero when it is none.
    func references(_ extent: Extent) -> Int {
        switch place(of: extent.offset) {
        case .slot(let slab, let slot)?: slabs.references(slab, slot: slot)
        case .pages(let start, _)?: Int(runs.pages[start].next)
        case nil: 0
        }
    }

    /// Notes whose bytes a live extent holds, for `window`.
    mutating func setEntry(_ entry: UInt32, of extent: Extent) {
        switch place(of: extent.offset) {
        case .slot(let slab, let slot)?: slabs.setEntry(entry + 1, of: slab, slot: slot)
        case .pages(let start, _)?: runs.setEntry(entry + 1, ofPage: start)
        case nil: return
        }
    }

    /// Space is short: what slabs hold of empty pages is given away, now and from now on. O(slabs), and only when it was not short before.
    mutating func tighten() {
        guard !isTight else { return }
        isTight = true
        for slab in slabs.numbers where slabs.hasFreeSlots(slab) { trim(slab, slabs.pages(of: slab)) }
    }

    private mutating func relaxIfPossible() {
        if isTight, runs.freePages(of: Self.root) > runs.pages.count / 8 { isTight = false }
    }

    // MARK: Pages

    /// A slab of the wanted size, or of fewer pages where there are no more.
    private mutating func makeSlab(_ classIndex: Int, _ number: Int, _ tenant: Tenant) -> Int? {
        let sizeClass = classes.classes[classIndex]
        let earlier = min(slabs.count(classIndex: classIndex, tenant: number), 8)
        var count = min(sizeClass.slabPages, sizeClass.fewestPages << earlier)
        while true {
            if let start = takePages(count, number, tenant, high: false) {
                let pages = start..<start + count
                let slots = count * pageBytes / sizeClass.byteCount
                let slab = slabs.make(pages: pages, classIndex: classIndex, slots: slots, tenant: number)
                for page in pages { runs.setPage(page, .slab, value: slab, tenant: number) }
                return slab
            }
            guard let fewer = fewerPages(than: count, of: sizeClass.byteCount) else { return nil }
            count = fewer
        }
    }

    /// The next smaller slab of slots of `size` bytes that wastes at most a quarter.
    private func fewerPages(than count: Int, of size: Int) -> Int? {
        var fewer = count > 8 ? count / 2 : count - 1
        while fewer * pageBytes >= size {
            if fewer * pageBytes % size * 4 <= fewer * pageBytes { return fewer }
            fewer -= 1
        }
        return nil
    }

    private mutating func takePages(_ count: Int, _ number: Int, _ tenant: Tenant, high: Bool) -> Int? {
        if let start = runs.take(count, from: number, high: high) { return start }
        guard case .process(let process) = tenant, grant(count, to: process, high: high) else { return nil }
        return runs.take(count, from: number, high: high)
    }

    /// Spans start small and grow with what the process holds, while there is plenty.
    private mutating func grant(_ count: Int, to process: UInt64, high: Bool) -> Bool {
        guard let holding = holdings[process], holding.spans.ranges.count < Self.spanLimit else { return false }
        let more = min(max(holding.spans.count / 2, Self.growth.lowerBound), Self.growth.upperBound)
        var wanted = isTight ? count : max(count, more)
        var taken = runs.take(wanted, from: Self.root, high: high)
        if taken == nil, wanted > count {
            wanted = count
            taken = runs.take(count, from: Self.root, high: high)
        }
        guard let start = taken else { return false }
        runs.give(start..<start + wanted, to: holding.number)
        holdings[process]?.spans.insert(start..<start + wanted)
        holdings[process]?.untold.insert(start..<start + wanted)
        return true
    }

    private mutating func count(_ extent: Extent, add difference: Int) throws(PoolError) -> Int {
        guard let place = place(of: extent.offset) else { throw .notYourExtent(offset: extent.offset) }
        let capacity = capacity(of: place)
        let count: Int
        switch place {
        case .slot(let slab, let slot):
            count = slabs.count(slab, slot: slot, add: difference)
            if count == 0 { slotFreed(slab, slot) }
        case .pages(let start, let pageCount):
            count = runs.count(start, add: difference)
            if count == 0 { givePages(start..<start + pageCount, to: runs.tenant(ofPage: start)) }
        }
        if count == 0 {
            liveExtents -= 1
            liveBytes -= capacity
        }
        return count
    }

    private mutating func slotFreed(_ slab: Int, _ slot: Int) {
        if slabs.isEmpty(slab) {
            let (pages, tenant) = (slabs.pages(of: slab), slabs.tenant(of: slab))
            let kept = pages.filter { isPage($0, of: slab) }
            slabs.remove(slab)
            giveEach(kept, to: tenant)
        } else if isTight {
            trim(slab, pagesOf(slot: slot, of: slab))
        }
    }

    /// Gives those of a slab's `pages` away on which nothing is live. O(pages and their slots).
    mutating func trim(_ slab: Int, _ pages: Range<Int>) {
        let empty = pages.filter { isPage($0, of: slab) && !isUsed($0, of: slab) }
        guard !empty.isEmpty else { return }
        giveEach(empty, to: slabs.tenant(of: slab))
        let slots = empty.flatMap { self.slots(onPage: $0, of: slab) }
        slabs.cut(slab, slots)
    }

    private mutating func giveEach(_ pages: [Int], to tenant: Int) {
        for page in pages { runs.clear(page..<page + 1) }
        var index = 0
        while index < pages.count {
            var end = index + 1
            while end < pages.count, pages[end] == pages[end - 1] + 1 { end += 1 }
            givePages(pages[index]..<pages[end - 1] + 1, to: tenant)
            index = end
        }
    }

    mutating func givePages(_ range: Range<Int>, to number: Int) {
        runs.clear(range)
        runs.give(range, to: number)
        if number == Self.root { relaxIfPossible() }
    }
}

// Where things are.
extension ExtentAllocator {
    /// Where a live extent is.
    enum Place {
        case slot(slab: Int, slot: Int)
        case pages(start: Int, count: Int)
    }

    func place(of offset: UInt64) -> Place? {
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

    func capacity(of place: Place) -> Int {
        switch place {
        case .slot(let slab, _): classes.classes[slabs.classIndex(of: slab)].byteCount
        case .pages(_, let count): count * pageBytes
        }
    }

    func tenant(of place: Place) -> Int {
        switch place {
        case .slot(let slab, _): slabs.tenant(of: slab)
        case .pages(let start, _): runs.tenant(ofPage: start)
        }
    }

    /// Whether a page is still one of a slab's.
    func isPage(_ page: Int, of slab: Int) -> Bool {
        runs.pages[page].kind == .slab && Int(runs.pages[page].value) == slab
    }

    /// The pages that a slot lies on, wholly or in part.
    func pagesOf(slot: Int, of slab: Int) -> Range<Int> {
        let size = classes.classes[slabs.classIndex(of: slab)].byteCount
        let start = slabs.startPage(of: slab)
        return start + slot * size / pageBytes..<start + ((slot + 1) * size - 1) / pageBytes + 1
    }

    /// The slots that lie on a page, wholly or in part.
    func slots(onPage page: Int, of slab: Int) -> Range<Int> {
        let size = classes.classes[slabs.classIndex(of: slab)].byteCount
        let first = (page - slabs.startPage(of: slab)) * pageBytes / size
        let end = ((page - slabs.startPage(of: slab) + 1) * pageBytes - 1) / size + 1
        return min(first, slabs.slotCount(of: slab))..<min(end, slabs.slotCount(of: slab))
    }

    private func isUsed(_ page: Int, of slab: Int) -> Bool {
        slots(onPage: page, of: slab).contains { slabs.isLive(slab, slot: $0) }
    }

    func offset(ofPage page: Int) -> UInt64 { dataOffset + UInt64(page * pageBytes) }

    func span(_ pages: Range<Int>) -> PoolSpan {
        PoolSpan(offset: offset(ofPage: pages.lowerBound), byteCount: UInt64(pages.count * pageBytes))
    }

    func pages(of span: PoolSpan) -> Range<Int> {
        let start = Int(span.offset - dataOffset) / pageBytes
        return start..<start + Int(span.byteCount) / pageBytes
    }

    private func unknown(_ tenant: Tenant) -> PoolError {
        switch tenant {
        case .owner: .unknownProcess(0)
        case .process(let process): .unknownProcess(process)
        }
    }

    mutating func forget(_ number: Int) { unusedNumbers.append(number) }
}
