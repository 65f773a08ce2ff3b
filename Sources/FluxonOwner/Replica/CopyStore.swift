package import FluxonCore

/// The copies of one owner, as the protocol's rules see them. The real one is the pool; tests have a dictionary.
///
/// Calls act at once and never wait. References on extents are counted: `publish` consumes one, `retire` hands one back, `retain`
/// and `release` add and drop one.
package protocol CopyStore {
    associatedtype Extent: Hashable, Sendable

    /// The published copy of a key; at most one exists (CONSISTENCY P2). Adds no reference.
    func find(_ key: Key) -> StoredCopy<Extent>?

    /// Publishes (P6). The caller has retired an older copy of the key before.
    ///
    /// - Returns: False when no entry is free; the reference then stays with the caller.
    mutating func publish(_ key: Key, _ copy: StoredCopy<Extent>) -> Bool

    /// Retires the published copy (P5, first store); its reference passes to the caller.
    mutating func retire(_ key: Key) -> StoredCopy<Extent>?

    mutating func retain(_ extent: Extent)
    mutating func release(_ extent: Extent)

    /// Called before anything that says "retired" leaves this process: P5's fence, once per turn of the loop.
    mutating func makeRetirementsVisible()

    /// Stores D for the readers (release). Never called with less than before.
    mutating func setDeadline(_ deadline: BootInstant)

    /// Places of copies are below. They depend on nothing but the calls made.
    var placeLimit: Int { get }

    /// The key of the copy that is published in a place, and stays there until it is retired; nil for a place without one.
    func publishedKey(in place: Int) -> Key?
}

/// Bytes of (key, version) in the pool.
package struct StoredCopy<Extent: Hashable & Sendable>: Hashable, Sendable {
    package let extent: Extent
    package let byteCount: UInt64
    package let version: Version
    /// What kind of value it is; travels with the bytes, the protocol does not look at it.
    package let flags: UInt32

    package init(extent: Extent, byteCount: UInt64, version: Version, flags: UInt32) {
        self.extent = extent
        self.byteCount = byteCount
        self.version = version
        self.flags = flags
    }
}
