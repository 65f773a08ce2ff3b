/// A part of a `KeyTable`: which entries have a hash, by open addressing. It grows without a look at keys or values.
struct KeyShard: Sendable {
    /// The hash above, the number of the entry and one below; 0: empty. None or a power of two of them, at most three quarters in use.
    private var slots: [UInt64] = []
    private var count = 0

    private var mask: Int { slots.count - 1 }

    /// Where the entry stands that has this hash and is the wanted one.
    func slot(_ hash: UInt64, where isWanted: (_ entry: UInt32) -> Bool) -> Int? {
        guard !slots.isEmpty else { return nil }
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash, isWanted(entry(at: slot)) { return slot }
            slot = (slot + 1) & mask
        }
        return nil
    }

    func entry(at slot: Int) -> UInt32 { UInt32(truncatingIfNeeded: slots[slot]) - 1 }

    mutating func insert(_ hash: UInt64, _ entry: UInt32) {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        put(hash << 32 | UInt64(entry + 1))
        count += 1
    }

    private mutating func put(_ word: UInt64) {
        var slot = Int(word >> 32) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = word
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: max(8, old.count * 2))
        for word in old where word != 0 { put(word) }
    }

    mutating func remove(at removed: Int) {
        count -= 1
        // What lies behind and would not be found across the gap moves into it.
        var gap = removed
        var slot = (gap + 1) & mask
        while slots[slot] != 0 {
            let home = Int(slots[slot] >> 32) & mask
            if (slot - home) & mask >= (slot - gap) & mask {
                slots[gap] = slots[slot]
                gap = slot
            }
            slot = (slot + 1) & mask
        }
        slots[gap] = 0
    }
}
