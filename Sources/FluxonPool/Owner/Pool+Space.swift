import CFluxonPool
package import FluxonSystem

extension Pool {
    // MARK: Extents

    /// An extent of at least `byteCount` bytes in `tenant`'s pages, with one reference that the caller holds.
    ///
    /// - Throws: `.exhausted` (evict, `collect`, ask again), `.tooLarge`, `.unknownProcess`.
    package func allocate(_ byteCount: Int, tenant: Tenant) throws(PoolError) -> Extent {
        try allocator.allocate(byteCount, tenant: tenant)
    }

    package func retain(_ extent: Extent) throws(PoolError) { try allocator.retain(extent) }

    /// Drops a reference; true when that freed the extent.
    @discardableResult
    package func release(_ extent: Extent) throws(PoolError) -> Bool { try allocator.release(extent) }

    /// F2: whether `extent` is live, exactly as given, and in `tenant`'s pages.
    package func isLive(_ extent: Extent, tenant: Tenant) -> Bool { allocator.isLive(extent, tenant: tenant) }

    /// The live extent that begins at `offset`, from whatever source the offset is.
    package func extent(at offset: UInt64) -> Extent? { allocator.extent(at: offset) }

    /// The owner's own mapping of an extent, for transfers and copies. Nil when it is not live. Valid while a reference is held.
    package func bytes(of extent: Extent) -> UnsafeMutableRawBufferPointer? {
        guard allocator.extent(at: extent.offset) == extent else { return nil }
        return UnsafeMutableRawBufferPointer(start: base + Int(extent.offset), count: Int(extent.capacity))
    }

    /// The mapping of all values, for devices that read and write it by themselves. In place as long as this pool.
    package var dataBytes: UnsafeMutableRawBufferPointer {
        let geometry = storage.geometry
        return UnsafeMutableRawBufferPointer(start: base + geometry.dataOffset, count: geometry.fileBytes - geometry.dataOffset)
    }

    // MARK: Retire and reuse (P5)

    /// P5's fence: after it, no get that begins returns an entry retired before it. Once per loop turn, before a confirm or a drop is
    /// handed to the link (C4). No process pins by plain store, so no membarrier is needed.
    package func makeRetirementsVisible() {
        guard hasUnfencedRetirement else { return }
        cfluxon_full_fence()
        hasUnfencedRetirement = false
    }

    package var retiredCount: Int { retired.count }
    /// Of these, how many were retired since the pins were looked at.
    package var retiredSinceLook: Int { retiredSinceScan }

    /// Frees the retired entries that no pin names. O(retired entries + granted pin words).
    ///
    /// - Returns: how many entries became free.
    @discardableResult
    package func collect() -> Int {
        guard !retired.isEmpty else { return 0 }
        scanPins()
        let before = retired.count
        retired.removeAll { number in
            let isPinned = pinnedAt[Int(number)] == scan && cfluxon_planted() != CFLUXON_PLANTED_PINNED_REUSED
            guard mayFree(number, isPinned: isPinned) else { return false }
            free(number)
            return true
        }
        return before - retired.count
    }

    /// Notes every entry that a pin names, whatever its generation: a pin that is held names the present one. O(granted pin words).
    func scanPins() {
        // Always a fence: the last may have been for another batch, and the scan must come after every RETIRED store.
        cfluxon_full_fence()
        hasUnfencedRetirement = false
        retiredSinceScan = 0
        scan &+= 1
        for segment in attached.values {
            segment.scan { pin in
                let number = Int(UInt32(truncatingIfNeeded: pin) &- 1)
                if number < pinnedAt.count { pinnedAt[number] = scan }
            }
        }
    }

    /// The owner's loop has worked off what came: what readers let go of meanwhile is worth another look.
    package func turnEnded() {
        hasLookedAgain = false
        isSpent = false
    }

    private func mayFree(_ number: UInt32, isPinned: Bool) -> Bool {
        #if FLUXON_PLANTING
        if planted == .reusePinned { return held[number] == nil }
        #endif
        return !isPinned && held[number] == nil
    }

    /// R1 for a pool that ends: epoch + 1, D = 0, every entry RETIRED, full fence. No get succeeds after it.
    package func fence() {
        PoolFence.fence(base: base, geometry: geometry, entries: Int(nextFreshEntry))
    }

    /// Gives the values' memory back to the machine, for an owner that stops: its file stays, as what the next one attests (R1). Only after
    /// `fence`, and only when nobody is attached: a process that is may read what it pinned, or write into a span of its own (P10, F1).
    ///
    /// - Returns: Whether the memory was given back.
    package func releaseData() -> Bool {
        guard attached.isEmpty else { return false }
        return storage.releaseData()
    }

    // MARK: Processes

    /// What an attached process gets: borrowed descriptors to pass on, in this order.
    package struct Attachment {
        package let pool: MemoryFile
        package let pins: MemoryFile
        package let heat: MemoryFile
        package let grantedPins: Int
    }

    /// Gives a process a pin segment, and with `canPut` a tenancy of its own and a pool descriptor that can be written through.
    ///
    /// - Throws: `.unknownProcess` when the id is attached already, `.system`.
    package func attach(process: UInt64, canPut: Bool) throws(PoolError) -> Attachment {
        guard attached[process] == nil else { throw .unknownProcess(process) }
        let segment: PinSegment
        do { segment = try PinSegment(process: process) } catch { throw .system("pin segment of process \(process): \(error)") }
        if canPut { try allocator.addProcess(process) }
        attached[process] = segment
        return Attachment(
            pool: canPut ? storage.writableFile : storage.readOnlyFile, pins: segment.file, heat: storage.heatFile,
            grantedPins: segment.granted)
    }

    /// More pin words for a process (P7); tell it the number, then it may use them.
    package func grantPins(process: UInt64) throws(PoolError) -> Int {
        guard let segment = attached[process] else { throw .unknownProcess(process) }
        return try segment.grant()
    }

    /// P8: the process is proven dead. Its pins are gone, its pages are anybody's as far as they are free; references that the caller holds
    /// in its name are the caller's to release, best before.
    package func processDied(_ process: UInt64) {
        attached[process] = nil
        allocator.removeProcess(process)
    }

    /// Spans that the process got since the last call. Tell the process before any extent in them.
    package func takeGrantedSpans(of process: UInt64) -> [PoolSpan] { allocator.takeGrantedSpans(of: process) }

    /// What the process may map for writing and what it shall unmap: for one that comes back over another connection, for what the
    /// old one carried may be lost.
    package func spans(of process: UInt64) -> [PoolSpan] { allocator.spans(of: process) }
    package func withdrawnSpans(of process: UInt64) -> [PoolSpan] { allocator.withdrawnSpans(of: process) }

    /// Bytes of the process's pages that nothing lies on, and of all its pages.
    package func idleBytes(of process: UInt64) -> Int { allocator.freeBytes(of: process) }
    package func spanBytes(of process: UInt64) -> Int { allocator.heldBytes(of: process) }
    /// How many values the process held at the last look at the pins.
    package func valuesHeld(by process: UInt64) -> Int { attached[process]?.pinsAtLastScan ?? 0 }

    /// Whether the process gives back what it is asked for. What lies in the pages of one that does not is not evicted for others.
    package func setAnswers(_ answers: Bool, of process: UInt64) { allocator.setAnswers(answers, of: process) }

    /// Takes a process's free pages out of use, at most `limit` runs of them; it unmaps them, then `confirmUnmapped` (F1).
    package func withdrawIdleSpans(of process: UInt64, limit: Int = .max) -> [PoolSpan] {
        allocator.withdrawIdleSpans(of: process, limit: limit)
    }

    /// False when the span was not withdrawn from this process.
    package func confirmUnmapped(_ span: PoolSpan, process: UInt64) -> Bool { allocator.confirmUnmapped(span, of: process) }

    package var statistics: PoolStatistics {
        PoolStatistics(
            capacityBytes: allocator.dataBytes, liveBytes: allocator.liveBytes, liveExtents: allocator.liveExtents,
            unassignedBytes: allocator.rootFreeBytes, publishedEntries: replicaQueue.count + queue.count, retiredEntries: retired.count,
            entriesGranted: grantedEntries, attachedProcesses: attached.count, usage: usage)
    }
}

/// What the bytes of entries are, by their extents' capacities.
package struct PoolUsage: Hashable, Sendable {
    /// Published copies that this owner's processes put.
    package var ownBytes = 0
    /// Published copies that were fetched.
    package var replicaBytes = 0
    /// Copies that no get finds any more: somebody reads them, or nobody has looked yet.
    package var retiredBytes = 0
}

/// How full a pool is.
package struct PoolStatistics: Hashable, Sendable {
    package let capacityBytes: Int
    /// Bytes of live extents, rounding included.
    package let liveBytes: Int
    package let liveExtents: Int
    /// Bytes of free pages that anybody may have.
    package let unassignedBytes: Int
    package let publishedEntries: Int
    package let retiredEntries: Int
    package let entriesGranted: Int
    package let attachedProcesses: Int
    package let usage: PoolUsage
}
