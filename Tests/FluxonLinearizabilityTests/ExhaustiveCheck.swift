import FluxonLinearizability

/// The definition itself, for histories of a few operations: every order of every choice of those without an answer.
enum ExhaustiveCheck {
    static func isLinearizable(_ history: [HistoryOperation]) -> Bool {
        extend([], history, value: nil)
    }

    private static func extend(_ done: [HistoryOperation], _ rest: [HistoryOperation], value: UInt64?) -> Bool {
        if rest.allSatisfy({ $0.end == nil }) { return true }
        for (index, next) in rest.enumerated() {
            // Whoever ended before `next` began comes first.
            guard !rest.contains(where: { ($0.end ?? .max) < next.start }), let after = apply(next.action, to: value) else { continue }
            var others = rest
            others.remove(at: index)
            if extend(done + [next], others, value: after.value) { return true }
        }
        return false
    }

    private static func apply(_ action: HistoryOperation.Action, to value: UInt64?) -> (value: UInt64?, Void)? {
        switch action {
        case .read(let seen): seen == value ? (value, ()) : nil
        case .write(let new): (new, ())
        case .remove: (nil, ())
        case .replace(let expected, let new): expected == value ? (new, ()) : nil
        case .replacePresent(let new): value == nil ? nil : (new, ())
        case .removeExpected(let expected): expected == value ? (nil, ()) : nil
        }
    }
}
