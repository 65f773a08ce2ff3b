/// Which keys a request means, with etcd's conventions: no end is one key, an end of one zero byte is "from the key on".
package struct EtcdKeyRange: Hashable, Sendable {
    package let start: [UInt8]
    /// Exclusive. Empty = the one key `start`; `[0]` = no upper end.
    package let end: [UInt8]

    package init(start: [UInt8], end: [UInt8]) {
        self.start = start
        self.end = end
    }

    package static func key(_ key: [UInt8]) -> EtcdKeyRange { EtcdKeyRange(start: key, end: []) }
    package static func key(_ key: String) -> EtcdKeyRange { .key(Array(key.utf8)) }

    /// Every key.
    package static let all = EtcdKeyRange(start: [0], end: [0])

    /// Every key that begins with `prefix`; the empty prefix is every key.
    package static func prefix(_ prefix: [UInt8]) -> EtcdKeyRange {
        guard !prefix.isEmpty else { return .all }
        // The end is the next string of the same or lesser length: trailing 0xFF bytes cannot be raised.
        var end = prefix
        while let last = end.last {
            if last < 0xFF {
                end[end.count - 1] = last + 1
                return EtcdKeyRange(start: prefix, end: end)
            }
            end.removeLast()
        }
        return EtcdKeyRange(start: prefix, end: [0])
    }

    package static func prefix(_ prefix: String) -> EtcdKeyRange { .prefix(Array(prefix.utf8)) }

    package var isSingleKey: Bool { end.isEmpty }
    package var isOpenEnded: Bool { end == [0] }

    /// Whether no key can be in it.
    package var isEmpty: Bool { !isSingleKey && !isOpenEnded && !start.lexicographicallyPrecedes(end) }

    package func contains(_ key: some Collection<UInt8>) -> Bool {
        if isSingleKey { return start.elementsEqual(key) }
        guard !key.lexicographicallyPrecedes(start) else { return false }
        return isOpenEnded || key.lexicographicallyPrecedes(end)
    }
}
