import CFluxonPool
import FluxonCore
import FluxonSystem

extension Pool {
    func lookUp(_ key: UnsafeRawBufferPointer, _ hash: KeyHash) -> UInt32? {
        index.first(hash) { number in
            let word = entries.word(number)
            guard word.state == CFLUXON_STATE_PUBLISHED, word.tag == hash.tag else { return false }
            return entries.withKey(number) { $0.elementsEqual(key) }
        }
    }

    func copy(of number: UInt32) -> Copy {
        let fields = entries.fields(number)
        return Copy(
            entry: EntryReference(index: number, generation: entries.word(number).generation), extent: fields.extent, length: fields.length,
            version: fields.version, flags: fields.flags)
    }

    /// Checks the extent, takes an entry and fills it.
    func fill(_ key: Key, _ hash: KeyHash, _ fields: EntryFields) throws(PoolError) -> EntryReference {
        guard allocator.extent(at: fields.extent.offset) == fields.extent else { throw .notYourExtent(offset: fields.extent.offset) }
        guard fields.length <= fields.extent.capacity else {
            throw .lengthExceedsExtent(length: fields.length, capacity: fields.extent.capacity)
        }
        var keyExtent: Extent?
        if key.bytes.count > Int(CFLUXON_INLINE_KEY_BYTES) { keyExtent = try allocator.allocate(key.bytes.count, tenant: .owner) }
        guard let number = takeEntry() else {
            if let keyExtent { try allocator.release(keyExtent) }
            throw .entriesExhausted(limit: grantedEntries)
        }
        let generation = key.bytes.withUnsafeBytes { entries.fill(number, tag: hash.tag, key: $0, keyExtent: keyExtent, fields: fields) }
        return EntryReference(index: number, generation: generation)
    }

    /// Whether so many more values can be published now.
    func hasFreeEntries(_ count: Int) -> Bool {
        freeEntries.count + grantedEntries - Int(nextFreshEntry) >= count || grantEntries()
    }

    private func takeEntry() -> UInt32? {
        if let number = freeEntries.popLast() { return number }
        guard hasFreeEntries(1) else { return nil }
        defer { nextFreshEntry += 1 }
        return nextFreshEntry
    }

    /// More entries: an eighth more, at least one unit. False when the file has no room, or the file system no memory.
    private func grantEntries() -> Bool {
        let unit = geometry.entryGrant
        let wanted = min(grantedEntries + max(grantedEntries / 8 / unit, 1) * unit, geometry.entriesLimit)
        guard wanted > grantedEntries else { return false }
        let bytes = PoolGeometry.entryBytes
        let range = geometry.entriesOffset + grantedEntries * bytes..<geometry.entriesOffset + wanted * bytes
        guard storage.grow(range) else { return false }
        pinnedAt.append(contentsOf: repeatElement(0, count: wanted - grantedEntries))
        grantedEntries = wanted
        cfluxon_store_release(base + Superblock.entriesGranted, UInt64(wanted))
        return true
    }

    /// A table that cannot grow for want of memory goes on with longer searches.
    func growIndexIfNeeded() {
        guard index.wantsGrowth, index.count >= nextIndexGrowth else { return }
        guard let hasGrown = index.grow(reserve: storage.grow) else {
            nextIndexGrowth = index.count + index.count / 16
            return
        }
        if hasGrown { cfluxon_store_release(base + Superblock.tableShift, UInt64(index.shift)) }
    }

    /// RETIRED → FREE. Its extents lose the entry's references.
    func free(_ number: UInt32) {
        let fields = entries.fields(number)
        if let keyExtent = entries.keyExtent(number) { _ = try? allocator.release(keyExtent) }
        entries.set(number, state: CFLUXON_STATE_FREE)
        _ = try? allocator.release(fields.extent)
        usage.retiredBytes -= Int(fields.extent.capacity)
        // A generation that is used up is never used again.
        if entries.word(number).generation < EntryWord.generationLimit { freeEntries.append(number) }
    }
}
