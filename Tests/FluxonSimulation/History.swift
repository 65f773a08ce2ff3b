import FluxonCore
import FluxonLinearizability

/// What the clients saw, per key, in real time; a removal in order is one more operation.
struct History {
    private(set) var operations: [Key: [HistoryOperation]] = [:]
    /// Commits that are under way: open until answered.
    private var running: [Int: (key: Key, operation: HistoryOperation)] = [:]
    private var next = 0
    private(set) var succeeded = 0
    private(set) var failed = 0
    private(set) var localReads = 0

    mutating func add(_ key: Key, _ action: HistoryOperation.Action, _ start: UInt64, _ end: UInt64?) {
        operations[key, default: []].append(HistoryOperation(action: action, start: start, end: end))
    }

    /// A commit that is handed to an owner: may take effect from now on.
    mutating func begin(_ key: Key, _ action: HistoryOperation.Action, _ start: UInt64) -> Int {
        next += 1
        running[next] = (key, HistoryOperation(action: action, start: start, end: nil))
        return next
    }

    /// - Parameter end: nil when nobody knows the outcome.
    mutating func end(_ number: Int, as action: HistoryOperation.Action? = nil, at end: UInt64?) {
        guard let (key, operation) = running.removeValue(forKey: number) else { return }
        add(key, action ?? operation.action, operation.start, end)
    }

    /// Nothing came of it, as an owner told.
    mutating func forget(_ number: Int) { running[number] = nil }

    mutating func countSuccess() { succeeded += 1 }
    mutating func countFailure() { failed += 1 }
    mutating func countLocalRead() { localReads += 1 }

    /// What still runs stays open to the end.
    mutating func closeAll() {
        for number in running.keys.sorted() { end(number, at: nil) }
    }
}
