import FluxonCore

/// A dictionary for millions of keys: some 24 bytes a key beside its bytes and its value, no object for each, and no step that takes
/// longer the more keys there are.
///
///     shard of the hash: slots: hash, number of the entry ──▶ entries: place of the key, value ──▶ arena: bytes of the key
///
/// Open addressing with linear probing; a removal moves what lies behind it up, so that there are no marks of removed keys. Each shard
/// grows by itself, without a look at keys or values: a whole table that grows at once holds a turn of the loop up for a tenth of a
/// second at five million keys. A table of the library keeps an object for each key, 40 bytes that every look-up misses the cache for,
/// and asks for it at each step of a probe.
///
/// An entry has a number below `entryLimit` that stays the same until its key is removed; then another key may get it.
struct KeyTable<Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        /// nil: free.
        var place: KeyArena.Place?
        var value: Value
    }

    private var shards = [KeyShard](repeating: KeyShard(), count: Self.shardCount)
    private var chunks: [[Entry]] = []
    private var freeEntries = NumberStack()
    /// Numbers of entries are below.
    private(set) var entryLimit: UInt32 = 0
    private var arena = KeyArena()
    private(set) var count = 0

    /// At ten million keys a shard of them grows in half a millisecond.
    private static var shardCount: Int { 256 }
    private static var chunkShift: UInt32 { 12 }
    private static var chunkMask: UInt32 { (1 << chunkShift) - 1 }

    subscript(key: Key) -> Value? {
        get { find(key).map { self[$0.entry].value } }
        set {
            guard let newValue else {
                if let found = find(key) { remove(found) }
                return
            }
            set(key, newValue)
        }
    }

    /// - Returns: The number of the key's entry.
    @discardableResult
    mutating func set(_ key: Key, _ value: Value) -> UInt32 {
        guard let found = find(key) else { return insert(key, value) }
        self[found.entry].value = value
        return found.entry
    }

    /// Looks at the entries from `position` on, in their order, until there are no more, `visits` were looked at or `body` says that it is
    /// enough, and returns where to go on; nil: there are no more. An entry keeps its place for as long as its key is there.
    func visit(from position: UInt32, visits: Int, _ body: (Key, Value) -> Bool) -> UInt32? {
        let end = min(entryLimit, UInt32(clamping: Int(position) + visits))
        var entry = position
        while entry < end {
            defer { entry += 1 }
            guard let place = self[entry].place, let key = try? Key(arena.bytes(place)) else { continue }
            if !body(key, self[entry].value) { return entry + 1 < entryLimit ? entry + 1 : nil }
        }
        return entry < entryLimit ? entry : nil
    }

    /// The number of the key's entry.
    func number(of key: Key) -> UInt32? { find(key)?.entry }

    /// What an entry holds; nil for a number that is free.
    func value(at number: UInt32) -> Value? {
        guard number < entryLimit, self[number].place != nil else { return nil }
        return self[number].value
    }

    /// Changes what an entry in use holds.
    mutating func set(_ value: Value, at number: UInt32) { self[number].value = value }

    func key(at number: UInt32) -> Key? {
        guard number < entryLimit, let place = self[number].place else { return nil }
        return try? Key(arena.bytes(place))
    }

    /// All keys, in the order in which their entries lie: the same calls give the same order. O(keys).
    func keys() -> [Key] { (0..<entryLimit).compactMap { key(at: $0) } }

    // MARK: Entries

    private subscript(entry: UInt32) -> Entry {
        get { chunks[Int(entry >> Self.chunkShift)][Int(entry & Self.chunkMask)] }
        _modify { yield &chunks[Int(entry >> Self.chunkShift)][Int(entry & Self.chunkMask)] }
    }

    private mutating func addEntry(_ new: Entry) -> UInt32 {
        if let free = freeEntries.pop() {
            self[free] = new
            return free
        }
        let number = entryLimit
        entryLimit += 1
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

    /// The upper bits choose the shard, the lower ones the slot in it.
    private func shard(of hash: UInt64) -> Int { Int(hash >> 24) & (Self.shardCount - 1) }

    private func find(_ key: Key) -> (shard: Int, slot: Int, entry: UInt32)? {
        let hash = hash(of: key)
        let shard = shard(of: hash)
        let slot = shards[shard].slot(hash) { entry in
            guard let place = self[entry].place else { return false }
            return arena.equals(place, key)
        }
        return slot.map { (shard, $0, shards[shard].entry(at: $0)) }
    }

    private mutating func insert(_ key: Key, _ value: Value) -> UInt32 {
        let hash = hash(of: key)
        let shard = shard(of: hash)
        let entry = addEntry(Entry(place: arena.add(key), value: value))
        count += 1
        shards[shard].insert(hash, entry)
        return entry
    }

    private mutating func remove(_ found: (shard: Int, slot: Int, entry: UInt32)) {
        if let place = self[found.entry].place { arena.remove(place) }
        self[found.entry].place = nil
        freeEntries.push(found.entry)
        count -= 1
        shards[found.shard].remove(at: found.slot)
    }
}
