/// A run of bytes of the pool file as it travels between a process and its owner. Who receives one checks it before use.
package struct LocalExtent: Hashable, Sendable {
    /// From the start of the pool file, in bytes.
    package var offset: UInt64
    /// In bytes; what a value uses of it may be less.
    package var capacity: UInt64

    package init(offset: UInt64, capacity: UInt64) {
        self.offset = offset
        self.capacity = capacity
    }

    /// The first byte behind it, or nil when that does not fit 64 bits.
    package var end: UInt64? {
        let (end, overflow) = offset.addingReportingOverflow(capacity)
        return overflow ? nil : end
    }
}
