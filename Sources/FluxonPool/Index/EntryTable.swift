import CFluxonPool
import FluxonCore

/// The owner's hand on the entries: the only code that writes them. Bounds are the caller's: numbers come from the owner's own lists.
struct EntryTable {
    // SAFETY: points at `limit` entries inside the pool's mapping, which outlives the `Pool` that owns this table.
    private let entries: UnsafeMutablePointer<cfluxon_entry>
    private let keyBase: UnsafeMutableRawPointer
    private let geometry: PoolGeometry

    init(base: UnsafeMutableRawPointer, geometry: PoolGeometry) {
        entries = (base + geometry.entriesOffset).assumingMemoryBound(to: cfluxon_entry.self)
        keyBase = base
        self.geometry = geometry
    }

    func word(_ number: UInt32) -> EntryWord { EntryWord(bits: cfluxon_load_relaxed(entries + Int(number))) }

    func isPublished(_ number: UInt32) -> Bool { word(number).state == CFLUXON_STATE_PUBLISHED }

    /// FREE → FILLING with the next generation, then all fields. No reader looks at them before `open`.
    func fill(_ number: UInt32, tag: UInt64, key: UnsafeRawBufferPointer, keyExtent: Extent?, fields: EntryFields) -> UInt64 {
        let entry = entries + Int(number)
        let generation = word(number).generation + 1
        cfluxon_store_relaxed(entry, EntryWord(generation: generation, tag: tag, state: CFLUXON_STATE_FILLING).bits)
        entry.pointee.extent_offset = fields.extent.offset
        entry.pointee.extent_capacity = fields.extent.capacity
        entry.pointee.length = fields.length
        entry.pointee.version_term = fields.version.term
        entry.pointee.version_sequence = fields.version.sequence
        entry.pointee.flags = fields.flags
        entry.pointee.key_length = UInt16(key.count)
        if let keyExtent {
            inlineKey(number).storeBytes(of: keyExtent.offset, as: UInt64.self)
            inlineKey(number).storeBytes(of: keyExtent.capacity, toByteOffset: 8, as: UInt64.self)
            UnsafeMutableRawBufferPointer(start: keyBase + Int(keyExtent.offset), count: key.count).copyMemory(from: key)
        } else {
            inlineKey(number).copyMemory(from: key)
        }
        return generation
    }

    /// FILLING → PUBLISHED or RETIRED; a release, so that who sees it sees the fields (P6).
    func open(_ number: UInt32, state: UInt32) {
        let word = word(number)
        cfluxon_store_release(entries + Int(number), EntryWord(generation: word.generation, tag: word.tag, state: state).bits)
    }

    /// PUBLISHED → RETIRED, or RETIRED → FREE.
    func set(_ number: UInt32, state: UInt32) { open(number, state: state) }

    func fields(_ number: UInt32) -> EntryFields {
        let entry = entries + Int(number)
        return EntryFields(
            extent: Extent(offset: entry.pointee.extent_offset, capacity: entry.pointee.extent_capacity), length: entry.pointee.length,
            version: Version(term: entry.pointee.version_term, sequence: entry.pointee.version_sequence), flags: entry.pointee.flags)
    }

    /// Where a key longer than the entry's own room lies.
    func keyExtent(_ number: UInt32) -> Extent? {
        let entry = entries + Int(number)
        guard Int(entry.pointee.key_length) > Int(CFLUXON_INLINE_KEY_BYTES) else { return nil }
        let inline = inlineKey(number)
        return Extent(offset: inline.load(as: UInt64.self), capacity: inline.load(fromByteOffset: 8, as: UInt64.self))
    }

    /// Lends the key's bytes; nothing when the entry is damaged.
    func withKey<R>(_ number: UInt32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let entry = entries + Int(number)
        let length = Int(entry.pointee.key_length)
        if let keyExtent = keyExtent(number) {
            let end = keyExtent.offset.addingReportingOverflow(UInt64(length))
            guard !end.overflow, end.partialValue <= UInt64(geometry.fileBytes) else {
                return body(UnsafeRawBufferPointer(start: nil, count: 0))
            }
            return body(UnsafeRawBufferPointer(start: keyBase + Int(keyExtent.offset), count: length))
        }
        return body(UnsafeRawBufferPointer(rebasing: inlineKey(number)[..<length]))
    }

    /// The entry's own room for a key. By address: `&` on the field is an access to the whole entry, whose word readers load meanwhile.
    private func inlineKey(_ number: UInt32) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(entries + Int(number)) + EntryLayout.key, count: Int(CFLUXON_INLINE_KEY_BYTES))
    }
}

/// What an entry says beside its key.
struct EntryFields {
    var extent: Extent
    var length: UInt64
    var version: Version
    var flags: UInt32
}
