// Which values to evict so that a long run of pages gets free.
extension ExtentAllocator {
    /// What to evict, and what that costs.
    struct Window {
        var pages: Range<Int>
        var entries: [UInt32] = []
        var cost = 0
        /// Pages and values that were looked at.
        var steps = 0
    }

    /// What lies beside a window.
    private struct Neighbour {
        let pages: Range<Int>
        /// Entries whose bytes lie there.
        let entries: [UInt32]
        /// How much it costs to evict them; free pages cost nothing.
        let cost: Int

        var costOfAPage: Double { Double(cost) / Double(pages.count) }
    }

    /// Whose eviction frees `count` pages in one run around a value's place; nil when something in the way cannot go.
    ///
    /// The window grows to the side where less is lost. O(pages of the window and their slots).
    ///
    /// - Parameters:
    ///   - tenant: who wants the pages. A window lies in its own pages or in those that it can get.
    ///   - crosses: also over free and evictable pages of other processes that answer, which come back when these have unmapped them.
    ///   - cost: what evicting an entry costs, 1 at least; nil when it cannot go.
    func window(
        around extent: Extent, pages count: Int, tenant: Tenant, crosses: Bool, cost: (UInt32, Extent) -> Int?
    ) -> Window? {
        guard let asker = number(of: tenant), let place = place(of: extent.offset) else { return nil }
        let isAtHome = self.tenant(of: place) == asker
        func isOpen(_ page: Int) -> Bool {
            let number = runs.tenant(ofPage: page)
            return isAtHome ? number == asker : number == Self.root || crosses && number != asker && !silent.contains(number)
        }
        let start =
            switch place {
            case .slot(let slab, let slot): pagesOf(slot: slot, of: slab).lowerBound
            case .pages(let start, _): start
            }
        var window = Window(pages: start..<start)
        while window.pages.count < count {
            let pages = window.pages
            let left = pages.lowerBound > 0 ? neighbour(endingAt: pages.lowerBound - 1, isOpen, cost) : nil
            let right = pages.upperBound < runs.pages.count ? neighbour(startingAt: pages.upperBound, isOpen, cost) : nil
            window.steps += 2 + (left?.entries.count ?? 0) + (right?.entries.count ?? 0)
            guard let next = [right, left].compactMap({ $0 }).min(by: { $0.costOfAPage < $1.costOfAPage }) else { return nil }
            window.entries += next.entries
            window.cost += next.cost
            window.pages = min(pages.lowerBound, next.pages.lowerBound)..<max(pages.upperBound, next.pages.upperBound)
        }
        return window
    }

    /// Who must unmap something before the pages of a window are one run. O(runs of pages there).
    func processes(in pages: Range<Int>, besides tenant: Tenant) -> [UInt64] {
        var numbers: Set<Int> = []
        var page = pages.lowerBound
        while page < pages.upperBound {
            let what = runs.pages[page]
            numbers.insert(Int(what.tenant))
            page += what.kind == .slab ? 1 : max(1, Int(what.value))
        }
        numbers.subtract([Self.root, number(of: tenant) ?? Self.root])
        return numbers.isEmpty ? [] : holdings.filter { numbers.contains($0.value.number) }.map(\.key)
    }

    private func neighbour(startingAt page: Int, _ isOpen: (Int) -> Bool, _ cost: (UInt32, Extent) -> Int?) -> Neighbour? {
        guard isOpen(page) else { return nil }
        switch runs.pages[page].kind {
        case .free: return Neighbour(pages: page..<page + Int(runs.pages[page].value), entries: [], cost: 0)
        case .extent: return neighbour(extentAt: page, cost)
        case .slab: return neighbour(slabPage: page, cost)
        case .inside, .extentEnd, .withdrawn: return nil
        }
    }

    private func neighbour(endingAt page: Int, _ isOpen: (Int) -> Bool, _ cost: (UInt32, Extent) -> Int?) -> Neighbour? {
        guard isOpen(page) else { return nil }
        let first = page + 1 - Int(runs.pages[page].value)
        switch runs.pages[page].kind {
        case .free: return Neighbour(pages: first..<page + 1, entries: [], cost: 0)
        case .extent, .extentEnd: return neighbour(extentAt: first, cost)
        case .slab: return neighbour(slabPage: page, cost)
        case .inside, .withdrawn: return nil
        }
    }

    private func neighbour(extentAt page: Int, _ cost: (UInt32, Extent) -> Int?) -> Neighbour? {
        let (count, entry) = (Int(runs.pages[page].value), runs.pages[page].previous)
        let extent = Extent(offset: offset(ofPage: page), capacity: UInt64(count * pageBytes))
        guard entry > 0, let cost = cost(entry - 1, extent) else { return nil }
        return Neighbour(pages: page..<page + count, entries: [entry - 1], cost: cost)
    }

    /// One page of a slab: what lies on it must go, though it may lie on the next one too.
    private func neighbour(slabPage page: Int, _ cost: (UInt32, Extent) -> Int?) -> Neighbour? {
        let slab = Int(runs.pages[page].value)
        let size = classes.classes[slabs.classIndex(of: slab)].byteCount
        var entries: [UInt32] = []
        var sum = 0
        for slot in slots(onPage: page, of: slab) where slabs.isLive(slab, slot: slot) {
            let entry = slabs.entry(slab, slot: slot)
            let extent = Extent(
                offset: offset(ofPage: slabs.startPage(of: slab)) + UInt64(slot * size), capacity: UInt64(size))
            guard entry > 0, let cost = cost(entry - 1, extent) else { return nil }
            entries.append(entry - 1)
            sum += cost
        }
        return Neighbour(pages: page..<page + 1, entries: entries, cost: sum)
    }
}
