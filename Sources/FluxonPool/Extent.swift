package import FluxonCore

/// A run of bytes of the pool that holds one value. `offset` counts from the start of the pool file and is a multiple of 64.
package struct Extent: Hashable, Sendable {
    package let offset: UInt64
    /// Bytes that belong to the extent; at least the length that was asked for.
    package let capacity: UInt64

    package init(offset: UInt64, capacity: UInt64) {
        self.offset = offset
        self.capacity = capacity
    }
}

/// One life of an entry. The same index with another generation is another value.
package struct EntryReference: Hashable, Sendable {
    package let index: UInt32
    package let generation: UInt64

    package init(index: UInt32, generation: UInt64) {
        self.index = index
        self.generation = generation
    }
}

/// A published copy of a key's value.
package struct Copy: Hashable, Sendable {
    package let entry: EntryReference
    package let extent: Extent
    /// Bytes of the value; at most `extent.capacity`.
    package let length: UInt64
    package let version: Version
    /// Meaning given by the publisher (for example: flat dict); the pool only stores them.
    package let flags: UInt32

    package init(entry: EntryReference, extent: Extent, length: UInt64, version: Version, flags: UInt32) {
        self.entry = entry
        self.extent = extent
        self.length = length
        self.version = version
        self.flags = flags
    }
}

/// Who may write the pages of a span (CONSISTENCY F1, I10).
package enum Tenant: Hashable, Sendable {
    /// The owner itself: fetched and staged values, those that came over a socket, long keys.
    case owner
    /// An attached process that may put.
    case process(UInt64)
}

/// A run of pages that one tenant holds: what its process maps for writing. Page-aligned.
package struct PoolSpan: Hashable, Sendable {
    package let offset: UInt64
    package let byteCount: UInt64

    package init(offset: UInt64, byteCount: UInt64) {
        self.offset = offset
        self.byteCount = byteCount
    }
}
