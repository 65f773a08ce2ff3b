import CFluxonPool
package import FluxonCore
import FluxonSystem
private import Glibc

/// The owner's side of the pool: the one writer of its index, entries and free space (CONSISTENCY §2).
///
/// Not thread-safe: it belongs to the owner's loop. Reads no clock and waits for nothing; cost of every call is O(1) unless it says more.
/// References: an extent has one for its allocation, each entry holds one, and it is free when the last goes.
package final class Pool {
    package let storage: PoolStorage
    let geometry: PoolGeometry
    let base: UnsafeMutableRawPointer
    let entries: EntryTable
    var allocator: ExtentAllocator
    var index: IndexTable
    /// Eviction order of replicas, and of all other copies.
    var replicaQueue = EvictionQueue()
    var queue = EvictionQueue()
    /// Copies whose flags have one of these bits are replicas, which go first. Set before the first is published.
    package var replicaFlag: UInt32 = 0
    var freeEntries: [UInt32] = []
    var nextFreshEntry: UInt32 = 0
    var grantedEntries = 0
    /// RETIRED entries that may still be pinned.
    var retired: [UInt32] = []
    /// Entries on their way to a process (P7), with the number of handovers.
    var held: [UInt32: Int] = [:]
    /// Entries that were retired since the last scan of the pins.
    var retiredSinceScan = 0
    /// The scans of all pins are numbered; by entry, the last one that saw it pinned.
    var scan: UInt32 = 0
    var pinnedAt: ContiguousArray<UInt32> = []
    /// In this turn of the loop the pins were looked at for what was retired before; nothing was found that may go.
    var hasLookedAgain = false
    var isSpent = false
    /// See `takeProcessesInTheWay`.
    var processesInTheWay: Set<UInt64> = []
    /// Bytes of published copies, and of retired ones that somebody may still read.
    var usage = PoolUsage()
    var attached: [UInt64: PinSegment] = [:]
    /// Below this many keys the index does not try to grow: it found no memory for that.
    var nextIndexGrowth = 0
    /// Whether an entry was retired since the last fence.
    var hasUnfencedRetirement = false
    #if FLUXON_PLANTING
    /// nil outside of a test that plants it.
    package var planted: PlantedPoolMistake? {
        didSet { allocator.planted = planted }
    }
    #endif

    /// Writes the superblock of a new pool.
    ///
    /// - Parameter epoch: differs from every earlier pool's of this folder, see `PoolFile`.
    package init(_ storage: PoolStorage, epoch: UInt64) throws(PoolError) {
        self.storage = storage
        geometry = storage.geometry
        base = storage.mapping.base
        entries = EntryTable(base: base, geometry: geometry)
        index = IndexTable(base: base, geometry: geometry)
        allocator = ExtentAllocator(
            dataOffset: UInt64(geometry.dataOffset), dataBytes: geometry.dataBytes, pageBytes: geometry.pageBytes)
        grantedEntries = geometry.initialEntries
        pinnedAt = ContiguousArray(repeating: 0, count: grantedEntries)
        let block = superblock
        block.pointee = geometry.superblock()
        block.pointee.table_shift = UInt64(index.shift)
        block.pointee.entries_granted = UInt64(grantedEntries)
        block.pointee.owner_pid = UInt64(getpid())
        cfluxon_store_release(base + Superblock.epoch, epoch)
    }

    private var superblock: UnsafeMutablePointer<cfluxon_superblock> { base.assumingMemoryBound(to: cfluxon_superblock.self) }

    package var epoch: UInt64 { cfluxon_load_relaxed(base + Superblock.epoch) }
    package var deadline: BootInstant { BootInstant(nanoseconds: cfluxon_load_relaxed(base + Superblock.deadline)) }

    /// L2: D = max(D, `deadline`). The caller has applied every invalidation before the grant.
    package func setDeadline(_ deadline: BootInstant) {
        guard deadline > self.deadline else { return }
        cfluxon_store_release(base + Superblock.deadline, deadline.nanoseconds)
    }

    // MARK: Keys

    /// The published copy of `key`.
    package func find(_ key: Key) -> Copy? { key.bytes.withUnsafeBytes { find($0) } }

    package func find(_ key: UnsafeRawBufferPointer) -> Copy? {
        lookUp(key, KeyHash(key, seed: geometry.hashSeed)).map { copy(of: $0) }
    }

    /// Puts a value in the index (P2, P6). On success the caller's reference on `extent` becomes the entry's; on failure it stays.
    ///
    /// - Throws: `.alreadyPublished`, `.notYourExtent`, `.lengthExceedsExtent`, `.entriesExhausted`, `.exhausted` (no room for a long key).
    package func publish(
        _ key: Key, extent: Extent, length: UInt64, version: Version, flags: UInt32 = 0
    ) throws(PoolError) -> EntryReference {
        let hash = key.bytes.withUnsafeBytes { KeyHash($0, seed: geometry.hashSeed) }
        guard key.bytes.withUnsafeBytes({ lookUp($0, hash) }) == nil else { throw .alreadyPublished }
        let entry = try fill(key, hash, EntryFields(extent: extent, length: length, version: version, flags: flags))
        entries.open(entry.index, state: CFLUXON_STATE_PUBLISHED)
        growIndexIfNeeded()
        index.insert(hash, entry: entry.index)
        cfluxon_heat_store(storage.heat.base + Int(entry.index), 0)
        allocator.setEntry(entry.index, of: extent)
        if flags & replicaFlag != 0 {
            replicaQueue.insert(entry.index)
            usage.replicaBytes += Int(extent.capacity)
        } else {
            queue.insert(entry.index)
            usage.ownBytes += Int(extent.capacity)
        }
        return entry
    }

    /// Makes an entry that no get can find, for a value that only processes handed to may see (CONSISTENCY M2, P7): RETIRED from
    /// the start, and held as by `hold`.
    package func makeUnlisted(
        _ key: Key, extent: Extent, length: UInt64, version: Version, flags: UInt32 = 0
    ) throws(PoolError) -> EntryReference {
        let hash = key.bytes.withUnsafeBytes { KeyHash($0, seed: geometry.hashSeed) }
        let entry = try fill(key, hash, EntryFields(extent: extent, length: length, version: version, flags: flags))
        entries.open(entry.index, state: CFLUXON_STATE_RETIRED)
        noteRetired(entry.index, extent)
        hasUnfencedRetirement = true
        held[entry.index, default: 0] += 1
        return entry
    }

    /// PUBLISHED → RETIRED: no new reader succeeds once `makeRetirementsVisible` was called. The caller gets one reference on the extent, to
    /// park or to release; the entry keeps its own until no pin names it (P5, `collect`). Nil when the entry is not published any more.
    package func retire(_ entry: EntryReference) -> Copy? {
        guard isLive(entry), entries.isPublished(entry.index) else { return nil }
        let copy = copy(of: entry.index)
        guard (try? allocator.retain(copy.extent)) != nil else { return nil }
        let isFreeToo = cfluxon_planted() == CFLUXON_PLANTED_SCAN_FIRST && !isPinned(entry)
        entries.set(entry.index, state: CFLUXON_STATE_RETIRED)
        hasUnfencedRetirement = true
        let hash = entries.withKey(entry.index) { KeyHash($0, seed: geometry.hashSeed) }
        index.remove(hash, entry: entry.index)
        if copy.flags & replicaFlag != 0 {
            replicaQueue.remove(entry.index)
            usage.replicaBytes -= Int(copy.extent.capacity)
        } else {
            queue.remove(entry.index)
            usage.ownBytes -= Int(copy.extent.capacity)
        }
        noteRetired(entry.index, copy.extent)
        if isFreeToo { free(retired.removeLast()) }
        return copy
    }

    private func noteRetired(_ number: UInt32, _ extent: Extent) {
        retired.append(number)
        retiredSinceScan += 1
        usage.retiredBytes += Int(extent.capacity)
    }

    private func isPinned(_ entry: EntryReference) -> Bool {
        var isPinned = held[entry.index] != nil
        let wanted = EntryWord.pin(entry: entry.index, generation: entry.generation)
        for segment in attached.values { segment.scan { isPinned = isPinned || $0 == wanted } }
        return isPinned
    }

    /// The key of a published or retired entry; nil when the reference is stale.
    package func key(of entry: EntryReference) -> Key? {
        guard isLive(entry) else { return nil }
        return entries.withKey(entry.index) { try? Key(Array($0)) }
    }

    /// Entries have numbers below.
    package var entryLimit: Int { Int(nextFreshEntry) }

    /// The key of the copy that the entry of this number publishes; nil when it publishes none.
    package func publishedKey(at number: Int) -> Key? {
        guard number >= 0, number < entryLimit, entries.isPublished(UInt32(number)) else { return nil }
        return entries.withKey(UInt32(number)) { try? Key(Array($0)) }
    }

    /// Keeps an entry from becoming free while it is handed to a process (P7). False when it is not published or retired any more.
    package func hold(_ entry: EntryReference) -> Bool {
        guard isLive(entry) else { return false }
        held[entry.index, default: 0] += 1
        return true
    }

    /// The process confirmed its pin, or is gone.
    package func unhold(_ entry: EntryReference) {
        guard isLive(entry), let count = held[entry.index] else { return }
        held[entry.index] = count > 1 ? count - 1 : nil
    }

    /// Whether `entry` is published or retired in this generation.
    package func isLive(_ entry: EntryReference) -> Bool {
        guard entry.index < nextFreshEntry else { return false }
        let word = entries.word(entry.index)
        return word.generation == entry.generation && (word.state == CFLUXON_STATE_PUBLISHED || word.state == CFLUXON_STATE_RETIRED)
    }
}
