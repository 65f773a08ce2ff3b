import Fluxon
private import Synchronization

/// The keys that measuring has put and not removed yet, whatever ended it.
package final class MeasuredKeys: Sendable {
    private let keys = Mutex<[String: Store]>([:])

    package init() {}

    /// Before the first put of `key`.
    func willPut(_ key: String, _ store: Store) { keys.withLock { $0[key] = store } }

    func remove(_ key: String, _ store: Store) async throws {
        try await store.remove(key)
        _ = keys.withLock { $0.removeValue(forKey: key) }
    }

    /// Removes what is left, after a failure or an interruption. Not from a cancelled task: its calls fail.
    ///
    /// - Returns: The keys that could not be removed.
    package func removeAll() async -> [String] {
        let left = keys.withLock { $0 }.sorted { $0.key < $1.key }
        for (key, store) in left { try? await remove(key, store) }
        return keys.withLock { $0.keys.sorted() }
    }
}
