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
    /// - Parameters:
    ///   - losses: When each of these values may have begun to be gone without anybody's remove. One that may is taken for gone
    ///     only where an operation needs that: no operation of its own, which could be taken anywhere, has to be tried everywhere.
    ///   - positions: The search ends after so many. Nothing is taken for right that was not shown to be.
    /// - Returns: nil when there is such an order; else the operations among which every attempt got stuck, or the last one where the
    ///   search ended early, for a person.
    package static func violation(
        in history: [HistoryOperation], initial: UInt64? = nil, losses: [UInt64: UInt64] = [:], positions: Int = 1 << 20
    ) -> [HistoryOperation]? {
        var search = LinearizabilitySearch(bounded(history), initial: initial, losses: losses, limit: positions)
        return search.run()
    }

    /// How many positions the search looks at: as many as operations, times what overlaps.
    package static func positionCount(in history: [HistoryOperation]) -> Int {
        var search = LinearizabilitySearch(bounded(history), initial: nil)
        _ = search.run()
        return search.positionCount
    }

    package static func bounded(_ history: [HistoryOperation]) -> [HistoryOperation] {
        var seenAt: [UInt64: UInt64] = [:]
        for operation in history {
            guard let end = operation.end, let value = shown(operation.action) else { continue }
            seenAt[value] = min(seenAt[value] ?? .max, end)
        }
        // What took effect "if present" saw that there is a value, not which one: then no write may be left out.
        let seesPresence = history.contains { operation in
            guard case .replacePresent(let new) = operation.action else { return false }
            return operation.end != nil || seenAt[new] != nil
        }
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
