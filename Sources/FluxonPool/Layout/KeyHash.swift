import CFluxonPool

/// A key's hash in one pool and what the index makes of it.
struct KeyHash: Hashable {
    let value: UInt64

    init(value: UInt64) { self.value = value }

    init(_ key: UnsafeRawBufferPointer, seed: UInt64) {
        guard let base = key.baseAddress else {
            value = 0
            return
        }
        value = cfluxon_hash(base.assumingMemoryBound(to: UInt8.self), key.count, seed)
    }

    /// Chooses the bucket and stands in the cell.
    var fragment: UInt64 { value & 0xffff_ffff }
    /// Stands in the entry's word; shares no bit with `fragment`.
    var tag: UInt64 { value >> (64 - UInt64(CFLUXON_TAG_BITS)) }
}

/// Generation (48 bits), tag (13), state (3): the word that says what an entry is (CONSISTENCY §2).
package struct EntryWord: Hashable, Sendable {
    package let bits: UInt64
    static let generationLimit: UInt64 = 1 << 48 - 1

    @inline(__always) init(bits: UInt64) { self.bits = bits }

    @inline(__always) init(generation: UInt64, tag: UInt64, state: UInt32) {
        bits = generation << 16 | tag << 3 | UInt64(state)
    }

    package var generation: UInt64 { bits >> 16 }
    var tag: UInt64 { bits >> 3 & 0x1fff }
    var state: UInt32 { UInt32(bits & 7) }

    /// What a pin word says: the entry, and its generation's low 32 bits (a false match only delays, P5). Never zero.
    @inline(__always) static func pin(entry: UInt32, generation: UInt64) -> UInt64 {
        (generation & 0xffff_ffff) << 32 | UInt64(entry + 1)
    }
}
