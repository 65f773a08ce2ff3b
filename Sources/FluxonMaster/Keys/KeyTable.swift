import FluxonCore

/// A dictionary for millions of keys: some 24 bytes a key beside its bytes and its value, no object for each, and growth without a look at
/// keys or values.
///
///     slots: hash, number of the entry ──▶ entries: place of the key, value ──▶ arena: bytes of the key
///
/// Open addressing with linear probing; a removal moves what lies behind it up, so that there are no marks of removed keys. A table of
/// the library keeps an object for each key, 40 bytes that every look-up misses the cache for, and asks for it at each step of a probe.
struct KeyTable<Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        /// nil: free.
        var place: KeyArena.Place?
        var value: Value
    }

    /// The hash above, the number of the entry and one below; 0: empty. A power of two of them, at most three quarters in use.
    private var slots = [UInt64](repeating: 0, count: 16)
    private var chunks: [[Entry]] = []
    private var freeEntries: [UInt32] = []
    private var used: UInt32 = 0
    private var arena = KeyArena()
    private(set) var count = 0

    private static var chunkShift: UInt32 { 12 }
    private static var chunkMask: UInt32 { (1 << chunkShift) - 1 }

    subscript(key: Key) -> Value? {
        get { find(key).map { self[$0.entry].value } }
        set {
            let found = find(key)
            switch (found, newValue) {
            case (let found?, let value?): self[found.entry].value = value
            case (let found?, nil): remove(found)
            case (nil, let value?): insert(key, value)
            case (nil, nil): break
            }
        }
    }

    /// The keys whose values fit, in the order in which their entries lie: the same calls give the same order.
    func keys(where isWanted: (Value) -> Bool = { _ in true }) -> [Key] {
        var keys: [Key] = []
        for chunk in chunks {
            for entry in chunk {
                guard let place = entry.place, isWanted(entry.value), let key = try? Key(arena.bytes(place)) else { continue }
                keys.append(key)
            }
        }
        return keys
    }

    /// Looks at the entries from `position` on, in their order, until there are no more, `visits` were looked at or `body` says that it is
    /// enough, and returns where to go on; nil: there are no more. An entry keeps its place for as long as its key is there.
    func visit(from position: UInt32, visits: Int, _ body: (Key, Value) -> Bool) -> UInt32? {
        let end = min(used, UInt32(clamping: Int(position) + visits))
        var entry = position
        while entry < end {
            defer { entry += 1 }
            guard let place = self[entry].place, let key = try? Key(arena.bytes(place)) else { continue }
            if !body(key, self[entry].value) { return entry + 1 < used ? entry + 1 : nil }
        }
        return entry < used ? entry : nil
    }

    // MARK: Entries

    private subscript(entry: UInt32) -> Entry {
        get { chunks[Int(entry >> Self.chunkShift)][Int(entry & Self.chunkMask)] }
        _modify { yield &chunks[Int(entry >> Self.chunkShift)][Int(entry & Self.chunkMask)] }
    }

    private mutating func addEntry(_ new: Entry) -> UInt32 {
        if let free = freeEntries.popLast() {
            self[free] = new
            return free
        }
        let number = used
        used += 1
        if number & Self.chunkMask == 0 {
            chunks.append([])
            // The first one grows: a table of few keys is small.
            if number > 0 { chunks[chunks.count - 1].reserveCapacity(1 << Int(Self.chunkShift)) }
        }
        chunks[chunks.count - 1].append(new)
        return number
    }

    // MARK: Slots

    /// Seeded for each process: nobody outside can choose keys that collide.
    private func hash(of key: Key) -> UInt64 { UInt64(UInt32(truncatingIfNeeded: key.hashValue)) }

    private func next(_ slot: Int) -> Int { (slot + 1) & (slots.count - 1) }

    private func find(_ key: Key) -> (slot: Int, entry: UInt32)? {
        let hash = hash(of: key)
        var slot = Int(hash) & (slots.count - 1)
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash {
                let entry = UInt32(truncatingIfNeeded: slots[slot]) - 1
                if let place = self[entry].place, arena.equals(place, key) { return (slot, entry) }
            }
            slot = next(slot)
        }
        return nil
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let entry = addEntry(Entry(place: arena.add(key), value: value))
        count += 1
        put(hash(of: key) << 32 | UInt64(entry + 1))
    }

    private mutating func put(_ word: UInt64) {
        var slot = Int(word >> 32) & (slots.count - 1)
        while slots[slot] != 0 { slot = next(slot) }
        slots[slot] = word
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: old.count * 2)
        for word in old where word != 0 { put(word) }
    }

    private mutating func remove(_ found: (slot: Int, entry: UInt32)) {
        if let place = self[found.entry].place { arena.remove(place) }
        self[found.entry].place = nil
        freeEntries.append(found.entry)
        count -= 1
        // What lies behind and would not be found across the gap moves into it.
        var gap = found.slot
        var slot = next(gap)
        while slots[slot] != 0 {
            let home = Int(slots[slot] >> 32) & (slots.count - 1)
            if (slot - home) & (slots.count - 1) >= (slot - gap) & (slots.count - 1) {
                slots[gap] = slots[slot]
                gap = slot
            }
            slot = next(slot)
        }
        slots[gap] = 0
    }
}
