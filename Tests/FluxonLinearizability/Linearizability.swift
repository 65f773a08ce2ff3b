/// One operation on one key as its caller saw it. Values are named by numbers that are never written twice.
package struct HistoryOperation: Sendable {
    package enum Action: Hashable, Sendable {
        /// A get, or an `exists` or `size` whose version is known to be that value's; nil: absent.
        case read(UInt64?)
        case write(UInt64)
        case remove
        /// A conditional write that met `expected` (nil: absent) and took effect.
        case replace(expected: UInt64?, with: UInt64)
        /// A conditional write that met a present key, whichever value it had.
        case replacePresent(with: UInt64)
        /// Conditional removes that took effect.
        case removeExpected(UInt64)
    }

    package let action: Action
    package let start: UInt64
    /// nil: nobody knows whether it took effect; it may do so at any time after `start`, or never.
    package var end: UInt64?

    package init(action: Action, start: UInt64, end: UInt64?) {
        self.action = action
        self.start = start
        self.end = end
    }
}

/// Is there an order of the operations of one key in which each takes effect between its call and its answer, and each read shows
/// what the last write left? Wing & Gong's search with Lowe's memory of (operations taken, value), as in Porcupine.
///
/// Exponential only in the number of operations that overlap. Operations of unknown outcome are first cut to size, which does not
/// change the verdict: a write whose value nobody saw is left out, one that was seen took effect before the first answer that showed
/// it; removes stand for each other, so they are tried in the order of their calls, and only where there is something to remove.
package enum Linearizability {
    /// - Parameter losses: When each of these values may have begun to be gone without anybody's remove. One that may is taken for gone only
    ///   where an operation needs that: no operation of its own, which could be taken anywhere, has to be tried everywhere.
    /// - Returns: nil when there is such an order; else the operations among which every attempt got stuck, for a person.
    package static func violation(
        in history: [HistoryOperation], initial: UInt64? = nil, losses: [UInt64: UInt64] = [:]
    ) -> [HistoryOperation]? {
        var search = Search(bounded(history), initial: initial, losses: losses)
        return search.run()
    }

    package static func bounded(_ history: [HistoryOperation]) -> [HistoryOperation] {
        var seenAt: [UInt64: UInt64] = [:]
        for operation in history {
            guard let end = operation.end, let value = shown(operation.action) else { continue }
            seenAt[value] = min(seenAt[value] ?? .max, end)
        }
        // Success "if present" sees that there is a value, not which one: then no write may be left out.
        let seesPresence = history.contains { if case .replacePresent = $0.action { $0.end != nil } else { false } }
        return history.compactMap { operation in
            guard operation.end == nil, let value = written(operation.action) else { return operation }
            guard let end = seenAt[value] else { return seesPresence ? operation : nil }
            var operation = operation
            operation.end = max(end, operation.start)
            return operation
        }
    }

    private static func shown(_ action: HistoryOperation.Action) -> UInt64? {
        switch action {
        case .read(let value): value
        case .replace(let expected, _): expected
        case .removeExpected(let expected): expected
        case .write, .remove, .replacePresent: nil
        }
    }

    private static func written(_ action: HistoryOperation.Action) -> UInt64? {
        switch action {
        case .write(let value), .replace(_, let value), .replacePresent(let value): value
        case .read, .remove, .removeExpected: nil
        }
    }
}

private struct Search {
    /// Calls and returns in time order, as a doubly linked list through indices; `operation * 2` is the call, `+ 1` the return.
    private let operations: [HistoryOperation]
    private var next: [Int]
    private var previous: [Int]
    private let head: Int
    private var taken: [UInt64]
    private var memory: Set<Position> = []
    private var value: UInt64?
    private var longest = 0
    /// Removes of unknown outcome, by call: they are taken in this order or not at all.
    private var rank: [Int: Int] = [:]
    private var takenRemoves = 0
    /// Operations with an answer that are not taken yet.
    private var missing: Int
    private let losses: [UInt64: UInt64]

    private struct Position: Hashable {
        let taken: [UInt64]
        let value: UInt64?
    }

    init(_ operations: [HistoryOperation], initial: UInt64?, losses: [UInt64: UInt64]) {
        self.operations = operations
        self.losses = losses
        value = initial
        taken = Array(repeating: 0, count: operations.count / 64 + 1)
        head = operations.count * 2
        missing = operations.filter { $0.end != nil }.count
        let open = operations.indices.filter { operations[$0].end == nil && operations[$0].action == .remove }
        for (place, operation) in open.sorted(by: { (operations[$0].start, $0) < (operations[$1].start, $1) }).enumerated() {
            rank[operation] = place
        }
        next = Array(repeating: -1, count: head + 1)
        previous = Array(repeating: -1, count: head + 1)
        // At equal times calls come first: the two operations overlap.
        let order = (0..<head).sorted { left, right in
            (time(of: left), left & 1, left) < (time(of: right), right & 1, right)
        }
        var last = head
        for event in order {
            next[last] = event
            previous[event] = last
            last = event
        }
    }

    private func time(of event: Int) -> UInt64 {
        let operation = operations[event / 2]
        return event & 1 == 0 ? operation.start : operation.end ?? .max
    }

    /// The operations that are still open where the longest attempt stopped; nil for a linearizable history.
    mutating func run() -> [HistoryOperation]? {
        var path: [(operation: Int, before: UInt64?)] = []
        var stuck: [Int] = []
        var event = next[head]
        while missing > 0 {
            if event == -1 || event & 1 == 1 {
                // A return before its call was taken: this attempt fails.
                if path.count >= longest {
                    longest = path.count
                    stuck = openOperations()
                }
                guard let last = path.popLast() else { return stuck.map { operations[$0] } }
                value = last.before
                taken[last.operation / 64] &= ~(1 << UInt64(last.operation % 64))
                unlift(last.operation)
                count(last.operation, by: -1)
                event = next[last.operation * 2]
                continue
            }
            let operation = event / 2
            if isInTurn(operation), let after = apply(operations[operation].action, at: event), take(operation, after.value) {
                path.append((operation, value))
                value = after.value
                lift(operation)
                count(operation, by: 1)
                event = next[head]
            } else {
                event = next[event]
            }
        }
        return nil
    }

    private func isInTurn(_ operation: Int) -> Bool {
        guard let rank = rank[operation] else { return true }
        return rank == takenRemoves && value != nil
    }

    private mutating func count(_ operation: Int, by step: Int) {
        if operations[operation].end != nil { missing -= step }
        if rank[operation] != nil { takenRemoves += step }
    }

    /// Marks the operation as taken, unless this position was tried before.
    private mutating func take(_ operation: Int, _ value: UInt64?) -> Bool {
        taken[operation / 64] |= 1 << UInt64(operation % 64)
        if memory.insert(Position(taken: taken, value: value)).inserted { return true }
        taken[operation / 64] &= ~(1 << UInt64(operation % 64))
        return false
    }

    private func apply(_ action: HistoryOperation.Action, at event: Int) -> (value: UInt64?, Void)? {
        switch action {
        case .read(nil): mayBeAbsent(at: event) ? (nil, ()) : nil
        case .replace(nil, let new): mayBeAbsent(at: event) ? (new, ()) : nil
        case .read(let seen): seen == value ? (value, ()) : nil
        case .write(let new): (new, ())
        case .remove: (nil, ())
        case .replace(let expected, let new): expected == value ? (new, ()) : nil
        case .replacePresent(let new): value == nil ? nil : (new, ())
        case .removeExpected(let expected): expected == value ? (nil, ()) : nil
        }
    }

    /// Lost before this call takes effect: then everything that is left over ends after the loss may have begun.
    private func mayBeAbsent(at event: Int) -> Bool {
        guard let value else { return true }
        guard let loss = losses[value] else { return false }
        var end = event
        while end != -1, end & 1 == 0 { end = next[end] }
        return end == -1 || loss <= time(of: end)
    }

    private func openOperations() -> [Int] {
        var open: [Int] = []
        var event = next[head]
        while event != -1, open.count < 12 {
            if event & 1 == 0 { open.append(event / 2) }
            event = next[event]
        }
        return open
    }

    private mutating func lift(_ operation: Int) {
        for event in [operation * 2, operation * 2 + 1] {
            next[previous[event]] = next[event]
            if next[event] != -1 { previous[next[event]] = previous[event] }
        }
    }

    private mutating func unlift(_ operation: Int) {
        for event in [operation * 2 + 1, operation * 2] {
            next[previous[event]] = event
            if next[event] != -1 { previous[next[event]] = event }
        }
    }
}
