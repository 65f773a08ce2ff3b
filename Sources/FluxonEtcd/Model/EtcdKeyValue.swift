private import FoundationEssentials

/// A key with its value, and where both stand in etcd's history.
package struct EtcdKeyValue: Hashable, Sendable {
    package let key: [UInt8]
    package let value: [UInt8]
    /// The revision in which the key came to be; it changes only through a deletion in between.
    package let createRevision: Int64
    package let modRevision: Int64
    /// How often the key was put since it came to be.
    package let version: Int64
    /// The lease that takes the key with it; 0 = none.
    package let lease: Int64

    package var keyText: String { String(decoding: key, as: UTF8.self) }
    package var valueText: String { String(decoding: value, as: UTF8.self) }

    init(_ wire: WireKeyValue) {
        key = Array(wire.key)
        value = Array(wire.value)
        createRevision = wire.createRevision
        modRevision = wire.modRevision
        version = wire.version
        lease = wire.lease
    }
}

/// One change of one key.
package struct EtcdEvent: Hashable, Sendable {
    package enum Kind: Hashable, Sendable { case put, delete }

    package let kind: Kind
    /// Of a deletion only the key and `modRevision`.
    package let keyValue: EtcdKeyValue
    /// What the key held before, if it was asked for and is not compacted.
    package let previous: EtcdKeyValue?

    init(_ wire: WireEvent) {
        kind = wire.type == .delete ? .delete : .put
        keyValue = EtcdKeyValue(wire.kv)
        previous = wire.hasPrevKv ? EtcdKeyValue(wire.prevKv) : nil
    }
}
