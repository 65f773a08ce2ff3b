import FluxonCore

/// Keys in the order in which they began to wait, each once. Memory: what waits, and as much again of what no longer does.
struct WaitingKeys: Sendable {
    private var order: [Key] = []
    private var waiting: Set<Key> = []

    var count: Int { waiting.count }

    func contains(_ key: Key) -> Bool { waiting.contains(key) }

    mutating func insert(_ key: Key) {
        guard waiting.insert(key).inserted else { return }
        order.append(key)
        guard order.count > 2 * waiting.count + 64 else { return }
        // The last place of a key that left and came back is the one that counts.
        var kept: Set<Key> = []
        order = Array(order.reversed().filter { waiting.contains($0) && kept.insert($0).inserted }.reversed())
    }

    mutating func remove(_ key: Key) {
        if !waiting.isEmpty { waiting.remove(key) }
    }

    mutating func takeAll() -> [Key] {
        var left = waiting
        let keys = order.filter { left.remove($0) != nil }
        order = []
        waiting = []
        return keys
    }
}
