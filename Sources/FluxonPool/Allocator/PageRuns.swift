/// Which page belongs to which run and tenant. Free runs of one tenant coalesce; runs of two tenants never do (CONSISTENCY I10).
///
/// A tenant's memory comes from tenant 0, the root, in whole chunks. Every operation is O(1) but for marking chunks. Pages inside a
/// run say `.inside`, so that an offset from an untrusted process never hits the remains of an older run.
struct PageRuns: Sendable {
    enum Kind: UInt8 { case inside, free, extent, extentEnd, slab, withdrawn }

    struct Page: Sendable {
        var kind = Kind.inside
        /// Pages of the run (`free`, `extent`, `withdrawn`: on its first page; `free`: on its last too), or the slab's number.
        var value: UInt32 = 0
        /// On the first page of a free run: its neighbours in the list. On the first page of an extent: `next` counts references.
        var next: UInt32 = 0
        var previous: UInt32 = 0
    }

    static let root = 0
    let pagesPerChunk: Int
    private(set) var pages: ContiguousArray<Page>
    /// Tenant of each chunk.
    private(set) var chunkTenants: ContiguousArray<UInt32>
    private(set) var bins: ContiguousArray<FreeRunBins>

    /// All pages belong to the root and are free.
    init(chunks: Int, pagesPerChunk: Int) {
        self.pagesPerChunk = pagesPerChunk
        pages = ContiguousArray(repeating: Page(), count: chunks * pagesPerChunk)
        chunkTenants = ContiguousArray(repeating: UInt32(Self.root), count: chunks)
        bins = [FreeRunBins()]
        if chunks > 0 { insert(0, count: pages.count, into: Self.root) }
    }

    mutating func addTenant(_ tenant: Int) {
        while bins.count <= tenant { bins.append(FreeRunBins()) }
    }

    func tenant(ofPage page: Int) -> Int { Int(chunkTenants[page / pagesPerChunk]) }
    func freePages(of tenant: Int) -> Int { bins[tenant].freePages }

    /// Takes `count` pages from `tenant`'s free runs; nil when no run is long enough. The caller sets what the pages are.
    mutating func take(_ count: Int, from tenant: Int) -> Int? {
        guard let start = findRun(count, in: tenant) else { return nil }
        let length = Int(pages[start].value)
        remove(start, from: tenant)
        if length > count { insert(start + count, count: length - count, into: tenant) }
        return start
    }

    /// Gives pages back to `tenant`, merges them with its free neighbours and returns the merged run.
    @discardableResult
    mutating func give(_ start: Int, count: Int, to tenant: Int) -> Range<Int> {
        var (first, end) = (start, start + count)
        if first > 0, pages[first - 1].kind == .free, self.tenant(ofPage: first - 1) == tenant {
            let length = Int(pages[first - 1].value)
            remove(first - length, from: tenant)
            first -= length
        }
        if end < pages.count, pages[end].kind == .free, self.tenant(ofPage: end) == tenant {
            let length = Int(pages[end].value)
            remove(end, from: tenant)
            end += length
        }
        insert(first, count: end - first, into: tenant)
        return first..<end
    }

    /// Moves `chunks` adjacent chunks from the root to `tenant`; nil when the root has no such run. Returns the pages.
    mutating func grant(chunks: Int, to tenant: Int) -> Range<Int>? {
        guard let start = take(chunks * pagesPerChunk, from: Self.root) else { return nil }
        assign(start..<start + chunks * pagesPerChunk, to: tenant)
        give(start, count: chunks * pagesPerChunk, to: tenant)
        return start..<start + chunks * pagesPerChunk
    }

    /// The whole chunks inside a free run.
    func wholeChunks(in run: Range<Int>) -> Range<Int>? {
        let first = (run.lowerBound + pagesPerChunk - 1) / pagesPerChunk * pagesPerChunk
        let end = run.upperBound / pagesPerChunk * pagesPerChunk
        return first < end ? first..<end : nil
    }

    /// Cuts `part`, whole chunks of the free run `run` of `tenant`, out of it; the ends stay free.
    mutating func cut(_ part: Range<Int>, from run: Range<Int>, of tenant: Int) {
        remove(run.lowerBound, from: tenant)
        if run.lowerBound < part.lowerBound { insert(run.lowerBound, count: part.lowerBound - run.lowerBound, into: tenant) }
        if part.upperBound < run.upperBound { insert(part.upperBound, count: run.upperBound - part.upperBound, into: tenant) }
    }

    /// Says who holds the chunks of `range`, which must be whole chunks.
    mutating func assign(_ range: Range<Int>, to tenant: Int) {
        for chunk in range.lowerBound / pagesPerChunk..<range.upperBound / pagesPerChunk { chunkTenants[chunk] = UInt32(tenant) }
    }

    /// All free runs of `tenant`. O(free runs).
    func freeRuns(of tenant: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var bin = bins[tenant].firstNonEmpty(from: 0)
        while let current = bin {
            var page = bins[tenant].head(current)
            while page != FreeRunBins.none {
                runs.append(Int(page)..<Int(page) + Int(pages[Int(page)].value))
                page = pages[Int(page)].next
            }
            bin = bins[tenant].firstNonEmpty(from: current + 1)
        }
        return runs
    }

    /// Takes a free run out of its list without splitting it.
    mutating func removeRun(_ run: Range<Int>, of tenant: Int) { remove(run.lowerBound, from: tenant) }

    mutating func setPage(_ page: Int, _ new: Page) { pages[page] = new }

    /// Adds to the reference count on the first page of an extent and returns the new count.
    mutating func count(_ page: Int, add difference: Int) -> Int {
        let new = Int(pages[page].next) + difference
        pages[page].next = UInt32(new)
        return new
    }

    private func findRun(_ count: Int, in tenant: Int) -> Int? {
        let own = FreeRunBins.bin(of: count)
        // A few of the runs of the same bin may fit exactly; any run of a higher bin fits.
        var candidate = bins[tenant].head(own)
        for _ in 0..<8 where candidate != FreeRunBins.none {
            if Int(pages[Int(candidate)].value) >= count { return Int(candidate) }
            candidate = pages[Int(candidate)].next
        }
        if let bin = bins[tenant].firstNonEmpty(from: own + 1) { return Int(bins[tenant].head(bin)) }
        // Only runs of the same bin are left: look at many of them before giving up.
        for _ in 0..<1_024 where candidate != FreeRunBins.none {
            if Int(pages[Int(candidate)].value) >= count { return Int(candidate) }
            candidate = pages[Int(candidate)].next
        }
        return nil
    }

    private mutating func insert(_ start: Int, count: Int, into tenant: Int) {
        let bin = FreeRunBins.bin(of: count)
        let head = bins[tenant].head(bin)
        if head != FreeRunBins.none { pages[Int(head)].previous = UInt32(start) }
        pages[start + count - 1] = Page(kind: .free, value: UInt32(count))
        pages[start] = Page(kind: .free, value: UInt32(count), next: head, previous: FreeRunBins.none)
        bins[tenant].setHead(bin, UInt32(start))
        bins[tenant].freePages += count
    }

    private mutating func remove(_ start: Int, from tenant: Int) {
        let page = pages[start]
        let count = Int(page.value)
        if page.previous == FreeRunBins.none {
            bins[tenant].setHead(FreeRunBins.bin(of: count), page.next)
        } else {
            pages[Int(page.previous)].next = page.next
        }
        if page.next != FreeRunBins.none { pages[Int(page.next)].previous = page.previous }
        pages[start] = Page()
        pages[start + count - 1] = Page()
        bins[tenant].freePages -= count
    }
}
