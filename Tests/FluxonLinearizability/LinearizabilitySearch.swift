/// The search through the orders of one history.
///
/// Operations with an answer come first, by their calls, then those without: what is taken is then nearly a prefix, and a position is
/// remembered by the few words behind that prefix, however long the history.
struct LinearizabilitySearch {
    /// Calls and returns in time order, as a doubly linked list through indices; `operation * 2` is the call, `+ 1` the return.
    private let operations: [HistoryOperation]
    private var next: [Int]
    private var previous: [Int]
    private let head: Int
    private var taken: [UInt64]
    /// Words of `taken` before this one are full; those of operations without an answer begin at `firstOpenWord`.
    private var prefix = 0
    private let firstOpenWord: Int
    private var memory: Set<Position> = []
    private var value: UInt64?
    private var longest = 0
    /// Removes of unknown outcome, by call: they are taken in this order or not at all.
    private var rank: [Int: Int] = [:]
    private var takenRemoves = 0
    /// Operations with an answer that are not taken yet.
    private var missing: Int
    private let answered: Int
    private var takenAnswered = 0
    private let losses: [UInt64: UInt64]
    private let limit: Int

    private struct Position: Hashable {
        let prefix: Int
        let taken: [UInt64]
        let open: [UInt64]
        let value: UInt64?
    }

    init(_ history: [HistoryOperation], initial: UInt64?, losses: [UInt64: UInt64] = [:], limit: Int = .max) {
        self.losses = losses
        self.limit = limit
        let byCall = history.sorted { $0.start < $1.start }
        operations = byCall.filter { $0.end != nil } + byCall.filter { $0.end == nil }
        value = initial
        answered = byCall.count { $0.end != nil }
        missing = answered
        firstOpenWord = (answered + 63) / 64
        taken = Array(repeating: 0, count: firstOpenWord + (operations.count - answered + 63) / 64)
        head = operations.count * 2
        for operation in operations.indices where operations[operation].end == nil && operations[operation].action == .remove {
            rank[operation] = rank.count
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

    /// The operations that are still open where the longest attempt stopped, or where the limit was met; nil for a linearizable history.
    mutating func run() -> [HistoryOperation]? {
        var path: [(operation: Int, before: UInt64?)] = []
        var stuck: [Int] = []
        var event = next[head]
        while missing > 0 {
            guard memory.count < limit else { return openOperations().map { operations[$0] } }
            if event == -1 || event & 1 == 1 {
                // A return before its call was taken: this attempt fails.
                if path.count >= longest {
                    longest = path.count
                    stuck = openOperations()
                }
                guard let last = path.popLast() else { return stuck.map { operations[$0] } }
                value = last.before
                mark(last.operation, isTaken: false)
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

    var positionCount: Int { memory.count }

    /// Marks the operation as taken, unless this position was tried before.
    private mutating func take(_ operation: Int, _ value: UInt64?) -> Bool {
        mark(operation, isTaken: true)
        if memory.insert(position(value)).inserted { return true }
        mark(operation, isTaken: false)
        return false
    }

    private mutating func mark(_ operation: Int, isTaken: Bool) {
        let isOpen = operations[operation].end == nil
        let number = isOpen ? operation - answered : operation
        let word = (isOpen ? firstOpenWord : 0) + number / 64
        taken[word] ^= 1 << UInt64(number % 64)
        if !isOpen { takenAnswered += isTaken ? 1 : -1 }
        if !isTaken, !isOpen { prefix = min(prefix, word) }
        while prefix < firstOpenWord, taken[prefix] == .max { prefix += 1 }
    }

    private func position(_ value: UInt64?) -> Position {
        // Up to the last one that is taken: usually the very next word.
        var end = prefix
        var rest = takenAnswered - prefix * 64
        while rest > 0 {
            rest -= taken[end].nonzeroBitCount
            end += 1
        }
        return Position(prefix: prefix, taken: Array(taken[prefix..<end]), open: Array(taken[firstOpenWord...]), value: value)
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
