import CFluxonPool

/// Offsets of the superblock's changing words.
enum Superblock {
    static let epoch = MemoryLayout<cfluxon_superblock>.offset(of: \.epoch) ?? 128
    static let deadline = MemoryLayout<cfluxon_superblock>.offset(of: \.deadline) ?? 136
    static let tableShift = MemoryLayout<cfluxon_superblock>.offset(of: \.table_shift) ?? 144
    static let entriesGranted = MemoryLayout<cfluxon_superblock>.offset(of: \.entries_granted) ?? 152
}

/// Ends a pool for its readers (CONSISTENCY R1).
enum PoolFence {
    /// Epoch + 1, D = 0, the first `entries` entries RETIRED, full fence.
    static func fence(base: UnsafeMutableRawPointer, geometry: PoolGeometry, entries: Int) {
        cfluxon_store_release(base + Superblock.epoch, cfluxon_load_acquire(base + Superblock.epoch) &+ 1)
        cfluxon_store_release(base + Superblock.deadline, 0)
        for number in 0..<min(entries, geometry.entriesLimit) {
            let address = base + geometry.entriesOffset + number * PoolGeometry.entryBytes
            let word = EntryWord(bits: cfluxon_load_acquire(address))
            guard word.state == CFLUXON_STATE_PUBLISHED else { continue }
            cfluxon_store_release(address, EntryWord(generation: word.generation, tag: word.tag, state: CFLUXON_STATE_RETIRED).bits)
        }
        cfluxon_full_fence()
    }

    /// The same for a pool that another process left behind; its epoch afterwards, or nil when the file is not one.
    static func fenceOld(base: UnsafeMutableRawPointer, mappedBytes: Int) -> UInt64? {
        guard let geometry = try? PoolGeometry(reading: base.load(as: cfluxon_superblock.self), mappedBytes: mappedBytes) else {
            return nil
        }
        let granted = Int(clamping: cfluxon_load_acquire(base + Superblock.entriesGranted))
        fence(base: base, geometry: geometry, entries: granted)
        return cfluxon_load_acquire(base + Superblock.epoch)
    }
}
