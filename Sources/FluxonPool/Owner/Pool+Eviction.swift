import CFluxonPool
import FluxonSystem

// Room for what is to come. CONSISTENCY M4: replicas go before last copies, and of either what was not read lately (SIEVE).
extension Pool {
    /// An extent as `allocate` gives it; evicts where there is none.
    ///
    /// Evicted is what frees its bytes at once: nothing that is pinned, handed over, read by another owner, or not committed. A run of
    /// pages is made in one place, at the cost of what lies there. Each round of evictions ends with one scan of the pins, which is why it frees
    /// more than one value: O(granted pin words) is shared by all that come next.
    ///
    /// - Parameters:
    ///   - waits: the caller asks `takeProcessesInTheWay` for their free pages and tries again; what it needs may lie there if that costs
    ///     clearly fewer values. Else only if there is no other way.
    ///   - evict: takes the copy out of service (`retire`, and the master is told); false when it stays.
    /// - Throws: `.exhausted`: pages that processes hold may still come back, see `withdrawIdleSpans`. `.tooLarge`, `.unknownProcess`.
    package func allocate(_ byteCount: Int, tenant: Tenant, waits: Bool = true, evict: (Copy) -> Bool) throws(PoolError) -> Extent {
        do throws(PoolError) {
            return try allocator.allocate(byteCount, tenant: tenant)
        } catch .exhausted {}
        if !allocator.isTight {
            allocator.tighten()
            if let extent = try? allocator.allocate(byteCount, tenant: tenant) { return extent }
        }
        if collectAgain(), let extent = try? allocator.allocate(byteCount, tenant: tenant) { return extent }
        var round = EvictionRound(byteCount, tenant, capacity: allocator.dataBytes, pageBytes: geometry.pageBytes, waits: waits)
        while round.goesOn, evictBatch(&round, evict) {
            collect()
            if let extent = try? allocator.allocate(byteCount, tenant: tenant) { return extent }
        }
        throw .exhausted(byteCount: byteCount)
    }

    /// Sees to it that a value with a key of so many bytes can be published, and so many in all.
    package func makeRoomForEntry(keyByteCount: Int, of count: Int = 1, evict: (Copy) -> Bool) {
        if !hasFreeEntries(min(count, geometry.entriesLimit / 8)), !collectAgain() {
            var round = EvictionRound(1, .owner, capacity: allocator.dataBytes, pageBytes: geometry.pageBytes, waits: false)
            if evictBatch(&round, evict) { collect() }
        }
        guard keyByteCount > Int(CFLUXON_INLINE_KEY_BYTES), let extent = try? allocate(keyByteCount, tenant: .owner, evict: evict)
        else { return }
        _ = try? allocator.release(extent)
    }

    /// Frees what readers let go of: at most one look a turn at what was pinned at the last one.
    private func collectAgain() -> Bool {
        guard !retired.isEmpty, retiredSinceScan > 0 || !hasLookedAgain else { return false }
        hasLookedAgain = true
        return collect() > 0
    }

    /// - Returns: false when nothing went.
    private func evictBatch(_ round: inout EvictionRound, _ evict: (Copy) -> Bool) -> Bool {
        guard !isSpent else { return false }
        // What is pinned now is left alone; a pin that comes later only keeps its bytes.
        if !hasLookedAgain { scanPins() }
        hasLookedAgain = true
        round.began()
        if round.wantsWindow, evictWindow(&round, evict) { return true }
        var hasEvicted = false
        while round.wantsMore, let victim = evictionCandidate(where: { isEvictable($0) }) {
            guard evict(victim) else { break }
            hasEvicted = true
            round.freed(Int(victim.extent.capacity))
        }
        isSpent = !hasEvicted
        return hasEvicted
    }

    /// Everything around one of the coldest values, where least is lost, so that a run of pages gets free.
    private func evictWindow(_ round: inout EvictionRound, _ evict: (Copy) -> Bool) -> Bool {
        var atOnce: ExtentAllocator.Window?
        var across: ExtentAllocator.Window?
        var steps = 0
        for _ in 0..<EvictionRound.windows where steps < EvictionRound.steps {
            guard let victim = evictionCandidate(where: { isEvictable($0) }) else { break }
            consider(window(around: victim.extent, round, crosses: false), &atOnce, &steps)
            guard round.waits || atOnce == nil else { continue }
            consider(window(around: victim.extent, round, crosses: true), &across, &steps)
        }
        let best = round.prefers(across?.cost, to: atOnce?.cost) ? across : atOnce
        guard let best else { return false }
        let inTheWay = allocator.processes(in: best.pages, besides: round.tenant)
        round.waitsForOthers = !inTheWay.isEmpty
        processesInTheWay.formUnion(inTheWay)
        // A value across two pages is named by both.
        for number in best.entries where entries.isPublished(number) { _ = evict(copy(of: number)) }
        return true
    }

    private func consider(_ window: ExtentAllocator.Window?, _ best: inout ExtentAllocator.Window?, _ steps: inout Int) {
        guard let window else { return }
        steps += window.steps
        if best.map({ window.cost < $0.cost }) ?? true { best = window }
    }

    /// Whose free pages room was made around since the last call: they are to be asked first.
    package func takeProcessesInTheWay() -> Set<UInt64> {
        defer { processesInTheWay = [] }
        return processesInTheWay
    }

    private func window(around extent: Extent, _ round: EvictionRound, crosses: Bool) -> ExtentAllocator.Window? {
        allocator.window(around: extent, pages: round.pageCount, tenant: round.tenant, crosses: crosses) { costOfEviction($0, $1) }
    }

    /// What was read lately is dearer. Nil for what cannot go, and for an entry that has other bytes by now.
    private func costOfEviction(_ number: UInt32, _ extent: Extent) -> Int? {
        guard entries.isPublished(number), entries.fields(number).extent == extent, isEvictable(number) else { return nil }
        return Int(extent.capacity) * (cfluxon_heat_load(storage.heat.base + Int(number)) == 0 ? 1 : 4)
    }

    /// Whether evicting frees the bytes for others: nobody pins them, as of the last scan, gets them handed over, or reads them for another
    /// owner, and they do not lie in pages of a process that does not answer.
    private func isEvictable(_ number: UInt32) -> Bool {
        guard pinnedAt[Int(number)] != scan, held[number] == nil else { return false }
        let extent = entries.fields(number).extent
        return allocator.references(extent) == 1 && !allocator.isOutOfReach(extent)
    }

    /// The next copy to evict, by SIEVE over the heat bytes, replicas before all others; nil when none is left that may go.
    ///
    /// - Parameter limit: steps through either order after which the search ends.
    package func evictionCandidate(limit: Int = 4096, where accepts: (UInt32) -> Bool = { _ in true }) -> Copy? {
        let number =
            replicaQueue.next(limit: limit, takeHeat: takeHeat, accepts: accepts)
            ?? queue.next(limit: limit, takeHeat: takeHeat, accepts: accepts)
        return number.map { copy(of: $0) }
    }

    /// Whether the entry was read since this was last asked.
    private func takeHeat(_ number: UInt32) -> Bool {
        let heat = storage.heat.base + Int(number)
        guard cfluxon_heat_load(heat) != 0 else { return false }
        cfluxon_heat_store(heat, 0)
        return true
    }
}

/// How much one call may evict: a little more than it needs, since each round costs a look at all pins, and not much more.
private struct EvictionRound {
    /// A value of more pages does not come from a slab.
    private static let slabPages = 8
    /// Places that are looked at for a run of pages, and about how many pages and values there: a millisecond's work.
    static let windows = 8
    static let steps = 1 << 16
    private static let rounds = 4

    let tenant: Tenant
    let pageCount: Int
    private let batchBytes: Int
    let waits: Bool
    private var rounds = 0
    private var freedBytes = 0
    /// What was evicted lies in pages of other processes: these must unmap them first.
    var waitsForOthers = false

    init(_ byteCount: Int, _ tenant: Tenant, capacity: Int, pageBytes: Int, waits: Bool) {
        self.tenant = tenant
        self.waits = waits
        pageCount = (byteCount + pageBytes - 1) / pageBytes
        batchBytes = max(byteCount, min(capacity / 512, 256 << 10))
    }

    var goesOn: Bool { rounds < Self.rounds && !waitsForOthers }
    /// Evicting one by one leaves holes: enough for a slot, by luck for a short run of pages.
    var wantsWindow: Bool { pageCount > (rounds > 1 ? 1 : Self.slabPages) }
    var wantsMore: Bool { freedBytes < batchBytes }

    /// Whether to evict among the pages of other processes, at that cost, rather than where the run is free at once. A round trip to them is
    /// worth half of the values that would go, no less.
    func prefers(_ across: Int?, to atOnce: Int?) -> Bool {
        guard let atOnce else { return true }
        return waits && across.map { $0 < atOnce / 2 } ?? false
    }

    mutating func began() {
        rounds += 1
        freedBytes = 0
    }

    mutating func freed(_ byteCount: Int) { freedBytes += byteCount }
}
