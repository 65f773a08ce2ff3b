import FluxonCore

/// A set of any number of keys. One of the library takes a second to grow to five million, and another to be let go of.
struct KeySet: Sendable {
    private var table = KeyTable<Void>()

    var count: Int { table.count }

    func contains(_ key: Key) -> Bool { table.number(of: key) != nil }
    mutating func insert(_ key: Key) { table.set(key, ()) }
    mutating func remove(_ key: Key) { table[key] = nil }
}
