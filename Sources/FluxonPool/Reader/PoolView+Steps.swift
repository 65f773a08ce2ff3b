import CFluxonPool
import FluxonCore
import FluxonSystem
private import Glibc

/// The steps of P3, each by itself, so that a test or the simulator can stop a reader between any two of them.
extension PoolView {
    /// The entries that the index leads to for one hash: cells of the home bucket and of those that it overflowed into.
    struct Candidates {
        private let fragment: UInt64
        private let buckets: UnsafeMutableRawPointer?
        private let mask: Int
        private var bucket: Int
        private var cell = 0
        private var probes = 0

        @inline(__always)
        init(_ hash: KeyHash, buckets: UnsafeMutableRawPointer?, mask: Int) {
            fragment = hash.fragment
            self.buckets = buckets
            self.mask = mask
            bucket = Int(hash.fragment) & mask
        }

        @inline(__always)
        mutating func next(in view: PoolView) -> UInt32? {
            guard let buckets else { return nil }
            while true {
                let address = buckets + bucket * PoolGeometry.bucketBytes
                while cell < Int(CFLUXON_BUCKET_CELLS) {
                    let value = cfluxon_load_relaxed(address + cell * 8)
                    cell += 1
                    if value >> 32 == fragment, value & 0xffff_ffff != 0 { return UInt32(truncatingIfNeeded: value) &- 1 }
                }
                probes += 1
                let wasPassed = cfluxon_load_relaxed(address + Int(CFLUXON_BUCKET_CELLS) * 8) != 0
                guard wasPassed, probes < PoolView.probeLimit, probes <= mask else { return nil }
                cell = 0
                bucket = (bucket + 1) & mask
            }
        }
    }

    @inline(__always)
    func candidates(of hash: KeyHash) -> Candidates {
        let shift = cfluxon_load_acquire(base + Superblock.tableShift)
        guard shift >= UInt64(geometry.firstTableShift), shift <= UInt64(geometry.lastTableShift) else {
            return Candidates(hash, buckets: nil, mask: 0)
        }
        return Candidates(hash, buckets: base + geometry.tableStart(Int(shift)), mask: (1 << Int(shift)) - 1)
    }

    /// Where an entry's word is; nil for a number beyond what the owner granted.
    @inline(__always)
    func wordAddress(_ number: UInt32) -> UnsafeMutableRawPointer? {
        guard Int(number) < geometry.entriesLimit, UInt64(number) < cfluxon_load_acquire(base + Superblock.entriesGranted) else {
            return nil
        }
        return base + geometry.entriesOffset + Int(number) * PoolGeometry.entryBytes
    }

    /// Step 1, L1: the entry's word when it is PUBLISHED and has the key's tag.
    @inline(__always)
    func lookOnce(at number: UInt32, _ hash: KeyHash, keyBytes: Int = 0) -> EntryWord? {
        guard let address = wordAddress(number) else { return nil }
        // The pin's fence keeps later loads from starting early: these two are wanted right after it.
        cfluxon_prefetch(heat.base + Int(number))
        if keyBytes > EntryLayout.keyBytesOfFirstLine { cfluxon_prefetch(address + 64) }
        let word = EntryWord(bits: cfluxon_load_acquire(address))
        guard word.state == CFLUXON_STATE_PUBLISHED, word.tag == hash.tag else { return nil }
        return word
    }

    /// Step 3, before the clock: D, or nil when the epoch is not the one at attach. `.local` skips D, never the epoch.
    @inline(__always)
    func loadDeadline(_ consistency: LocalConsistency) -> UInt64? {
        guard cfluxon_load_acquire(base + Superblock.epoch) == epoch else { return nil }
        switch consistency {
        case .local: return .max
        case .current: return cfluxon_load_acquire(base + Superblock.deadline)
        }
    }

    /// Step 4, L2: whether the entry is what it was at step 1.
    @inline(__always)
    func lookAgain(at number: UInt32, _ word: EntryWord) -> Bool {
        guard let address = wordAddress(number) else { return false }
        return cfluxon_is_unchanged(address, word.bits)
    }

    /// What a reader may use of an entry's fields once they are checked.
    struct Fields {
        let start: UnsafeRawPointer
        let byteCount: Int
        let flags: UInt32
    }

    /// Step 5: the fields, if the whole key is the asked one (any, for nil) and everything lies inside the mapping.
    @inline(__always)
    func fields(of number: UInt32, ifKeyIs key: UnsafeRawBufferPointer?) -> Fields? {
        let address = UnsafeRawPointer(base + geometry.entriesOffset + Int(number) * PoolGeometry.entryBytes)
        let entry = address.assumingMemoryBound(to: cfluxon_entry.self)
        if let key {
            guard Int(entry.pointee.key_length) == key.count, let wanted = key.baseAddress else { return nil }
            guard let stored = storedKey(address, count: key.count), memcmp(stored, wanted, key.count) == 0 else { return nil }
        }
        // Each loaded once: somebody who damages the pool meanwhile must not change what was checked.
        let length = cfluxon_load_relaxed(address + EntryLayout.length)
        guard let start = dataAddress(cfluxon_load_relaxed(address + EntryLayout.extentOffset), length) else { return nil }
        return Fields(start: start, byteCount: Int(length), flags: entry.pointee.flags)
    }

    @inline(__always)
    func view(_ fields: Fields, _ entry: EntryReference, pin: Int, keeper: AnyObject) -> PinnedView {
        PinnedView(
            start: fields.start, byteCount: fields.byteCount, flags: fields.flags, entry: entry, word: pin, view: self, keeper: keeper)
    }

    /// The version of a pinned entry.
    func version(of number: UInt32) -> Version {
        let address = UnsafeRawPointer(base + geometry.entriesOffset + Int(number) * PoolGeometry.entryBytes)
        let entry = address.assumingMemoryBound(to: cfluxon_entry.self)
        return Version(term: entry.pointee.version_term, sequence: entry.pointee.version_sequence)
    }

    @inline(__always)
    private func storedKey(_ entry: UnsafeRawPointer, count: Int) -> UnsafeRawPointer? {
        let inline = entry + EntryLayout.key
        guard count > Int(CFLUXON_INLINE_KEY_BYTES) else { return inline }
        return dataAddress(cfluxon_load_relaxed(inline), UInt64(count))
    }

    /// The address of `count` bytes at `offset` of the file, when they all lie in the data area.
    @inline(__always)
    private func dataAddress(_ offset: UInt64, _ count: UInt64) -> UnsafeRawPointer? {
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, offset >= UInt64(geometry.dataOffset), end <= UInt64(geometry.fileBytes) else { return nil }
        return UnsafeRawPointer(base) + Int(offset)
    }
}

/// Offsets inside an entry.
enum EntryLayout {
    static let extentOffset = 8
    static let length = 16
    static let key = 32
    static let keyBytesOfFirstLine = 32
}
