import DequeModule
import FluxonCore

/// Keys whose lookups or commits wait for what no message about the key itself will bring, by what that is, so that each is judged
/// anew only when that has come; and those for which it has, until a turn gets to them.
///
///     add ─▶ listed by cause ──wake──▶ woken ──next──▶ the caller judges the key anew
///
/// A key may be woken for nothing. Nobody is listed for longer than its cause takes: an owner that is away comes back or is lost.
struct StalledKeys: Sendable {
    enum Cause: Hashable, Sendable {
        /// R8: commits are completed from there on.
        case opening
        /// R7: what nobody reported is absent from there on.
        case completeness
        /// The owner of a commit that is not in yet (C3).
        case roster(OwnerID)
        /// A holder that cannot be reached, or is lost.
        case holder(OwnerID)
    }

    private var listed: [Cause: Deque<Key>] = [:]
    private var woken: Deque<Deque<Key>> = []

    var hasWoken: Bool { !woken.isEmpty }

    mutating func add(_ key: Key, until cause: Cause) { listed[cause, default: []].append(key) }

    /// Everything that waits for `cause`. O(1).
    mutating func wake(_ cause: Cause) {
        guard let keys = listed.removeValue(forKey: cause) else { return }
        woken.append(keys)
    }

    mutating func wake(_ key: Key) { woken.append([key]) }

    /// The next one of those that were woken, in the order in which they came.
    mutating func next() -> Key? {
        guard !woken.isEmpty else { return nil }
        let key = woken[0].popFirst()
        if woken[0].isEmpty { woken.removeFirst() }
        return key
    }
}
