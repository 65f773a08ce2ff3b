/// Which page belongs to which run and tenant. Free runs of one tenant coalesce; runs of two tenants never do (CONSISTENCY I10).
///
/// A tenant's memory comes from tenant 0, the root, page by page. Every operation is O(1) unless it says more. Pages inside a run say
/// `.inside`, so that an offset from an untrusted process never hits the remains of an older run. A run's tenant stands on its first and
/// its last page (on each page of a slab), so that taking and giving long runs touches no page in between.
struct PageRuns: Sendable {
    enum Kind: UInt8 { case inside, free, extent, extentEnd, slab, withdrawn }

    struct Page: Sendable {
        var kind = Kind.inside
        var tenant: UInt16 = 0
        /// Pages of the run, on its first page and on its last; or the slab's number.
        var value: UInt32 = 0
        /// On the first page of a free run: its neighbours in the list. On the first page of an extent: `next` counts references, and
        /// `previous` is the entry whose bytes these are.
        var next: UInt32 = 0
        var previous: UInt32 = 0
    }

    static let root = 0
    /// Tenants that a page can name.
    static let tenantLimit = Int(UInt16.max)
    private(set) var pages: ContiguousArray<Page>
    private var bins: ContiguousArray<FreeRunBins>

    /// All pages belong to the root and are free.
    init(pageCount: Int) {
        pages = ContiguousArray(repeating: Page(), count: pageCount)
        bins = [FreeRunBins()]
        if pageCount > 0 { insert(0, count: pageCount, into: Self.root) }
    }

    mutating func addTenant(_ tenant: Int) {
        while bins.count <= tenant { bins.append(FreeRunBins()) }
    }

    func tenant(ofPage page: Int) -> Int { Int(pages[page].tenant) }
    func freePages(of tenant: Int) -> Int { bins[tenant].freePages }

    /// Takes `count` pages from `tenant`'s free runs, from the far end of a run with `high`; nil when no run is long enough. The caller
    /// sets what the pages are.
    mutating func take(_ count: Int, from tenant: Int, high: Bool = false) -> Int? {
        guard let start = findRun(count, in: tenant) else { return nil }
        let length = Int(pages[start].value)
        remove(start, from: tenant)
        guard length > count else { return start }
        insert(high ? start : start + count, count: length - count, into: tenant)
        return high ? start + length - count : start
    }

    /// Gives pages back to `tenant`, merges them with its free neighbours and returns the merged run.
    @discardableResult
    mutating func give(_ range: Range<Int>, to tenant: Int) -> Range<Int> {
        var (first, end) = (range.lowerBound, range.upperBound)
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

    /// Takes a whole free run out of its list. The caller sets what the pages are.
    mutating func removeRun(_ run: Range<Int>, of tenant: Int) { remove(run.lowerBound, from: tenant) }

    /// Says what a run of pages is, at its two ends.
    mutating func mark(_ range: Range<Int>, _ kind: Kind, last: Kind? = nil, tenant: Int) {
        let page = Page(kind: last ?? kind, tenant: UInt16(tenant), value: UInt32(range.count))
        pages[range.upperBound - 1] = page
        pages[range.lowerBound] = page
        pages[range.lowerBound].kind = kind
    }

    /// Says what one page is.
    mutating func setPage(_ page: Int, _ kind: Kind, value: Int, tenant: Int) {
        pages[page] = Page(kind: kind, tenant: UInt16(tenant), value: UInt32(value))
    }

    /// The pages belong to no run until they are given back.
    mutating func clear(_ range: Range<Int>) {
        pages[range.lowerBound] = Page()
        pages[range.upperBound - 1] = Page()
    }

    /// An extent that goes to another tenant as it is.
    mutating func move(extent range: Range<Int>, to tenant: Int) {
        pages[range.lowerBound].tenant = UInt16(tenant)
        pages[range.upperBound - 1].tenant = UInt16(tenant)
    }

    /// Adds to the reference count on the first page of an extent and returns the new count.
    mutating func count(_ page: Int, add difference: Int) -> Int {
        let new = Int(pages[page].next) + difference
        pages[page].next = UInt32(new)
        return new
    }

    /// Whose bytes the extent on this page holds.
    mutating func setEntry(_ entry: UInt32, ofPage page: Int) { pages[page].previous = entry }

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
        mark(start..<start + count, .free, tenant: tenant)
        pages[start].next = head
        pages[start].previous = FreeRunBins.none
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
        clear(start..<start + count)
        bins[tenant].freePages -= count
    }
}
