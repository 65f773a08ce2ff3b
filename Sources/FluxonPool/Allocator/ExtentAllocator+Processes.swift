// What processes hold: told, withdrawn, given back (CONSISTENCY F1, I10, P8).
extension ExtentAllocator {
    /// Free pages that only this process can use.
    func freeBytes(of process: UInt64) -> Int { holdings[process].map { runs.freePages(of: $0.number) * pageBytes } ?? 0 }

    /// Pages that this process may write to, or shall unmap.
    func heldBytes(of process: UInt64) -> Int {
        guard let holding = holdings[process] else { return 0 }
        return holding.spans.count * pageBytes + holding.withdrawn.reduce(0) { $0 + Int($1.byteCount) }
    }

    /// Whether a process answers when it is asked for what it does not use.
    mutating func setAnswers(_ answers: Bool, of process: UInt64) {
        guard let number = holdings[process]?.number else { return }
        if answers { silent.remove(number) } else { silent.insert(number) }
    }

    /// Whether an extent lies in pages of a process that does not answer.
    func isOutOfReach(_ extent: Extent) -> Bool {
        !silent.isEmpty && place(of: extent.offset).map { silent.contains(tenant(of: $0)) } ?? false
    }

    /// Spans that the process got since the last call: it maps them before it writes an extent in them.
    mutating func takeGrantedSpans(of process: UInt64) -> [PoolSpan] {
        guard let untold = holdings[process]?.untold, !untold.isEmpty else { return [] }
        holdings[process]?.untold = SpanSet()
        return untold.ranges.map { span($0) }
    }

    /// What the process may map for writing, whether it was told or not; not what it shall unmap. O(spans).
    func spans(of process: UInt64) -> [PoolSpan] { (holdings[process]?.spans.ranges ?? []).map { span($0) } }

    /// What the process was asked to unmap and did not confirm.
    func withdrawnSpans(of process: UInt64) -> [PoolSpan] { (holdings[process]?.withdrawn ?? []).sorted { $0.offset < $1.offset } }

    /// Takes free pages of the process out of use, the longest runs first, at most `limit` runs. Its library unmaps them and confirms, see
    /// `confirmUnmapped`. O(free runs).
    mutating func withdrawIdleSpans(of process: UInt64, limit: Int) -> [PoolSpan] {
        guard let holding = holdings[process] else { return [] }
        var spans: [PoolSpan] = []
        for run in runs.freeRuns(of: holding.number).reversed().prefix(limit) {
            runs.removeRun(run, of: holding.number)
            runs.mark(run, .withdrawn, tenant: holding.number)
            holdings[process]?.spans.remove(run)
            holdings[process]?.untold.remove(run)
            spans.append(span(run))
        }
        holdings[process]?.withdrawn.formUnion(spans)
        #if FLUXON_PLANTING
        if planted == .reuseBeforeUnmap { for span in spans { _ = confirmUnmapped(span, of: process) } }
        #endif
        return spans
    }

    /// The process has no mapping of `span` any more; it goes to the root. False when it was not withdrawn from this process.
    mutating func confirmUnmapped(_ span: PoolSpan, of process: UInt64) -> Bool {
        guard holdings[process]?.withdrawn.remove(span) != nil else { return false }
        givePages(pages(of: span), to: Self.root)
        return true
    }

    /// The process is dead (CONSISTENCY P8): its pages have no writer any more. Free ones are anybody's at once, the others when what lies
    /// on them is freed; till then free slots beside it serve the owner. O(what it held).
    mutating func removeProcess(_ process: UInt64) {
        guard let holding = holdings.removeValue(forKey: process) else { return }
        silent.remove(holding.number)
        for span in holding.withdrawn { givePages(pages(of: span), to: Self.root) }
        var free: [Range<Int>] = []
        var moved: [Int] = []
        for range in holding.spans.ranges {
            var page = range.lowerBound
            while page < range.upperBound {
                let what = runs.pages[page]
                let run = page..<page + max(Int(what.value), 1)
                switch what.kind {
                case .free:
                    runs.removeRun(run, of: holding.number)
                    free.append(run)
                    page = run.upperBound
                case .extent:
                    runs.move(extent: run, to: Self.root)
                    page = run.upperBound
                case .slab:
                    let slab = Int(what.value)
                    if slabs.tenant(of: slab) == holding.number {
                        slabs.move(slab, to: Self.root)
                        moved.append(slab)
                    }
                    runs.setPage(page, .slab, value: slab, tenant: Self.root)
                    page += 1
                case .inside, .extentEnd, .withdrawn:
                    preconditionFailure("page \(page) of a process is \(what.kind)")
                }
            }
        }
        for run in free { givePages(run, to: Self.root) }
        for slab in moved { trim(slab, slabs.pages(of: slab)) }
        forget(holding.number)
    }
}
