package import FluxonLinearizability
internal import FluxonCore

/// One call of a client, from its start; what came of it follows. Both are one line of text each in the log of a client's process, so
/// that what a killed client had begun is known.
package struct Call: Hashable, Sendable {
    package enum Intent: Hashable, Sendable {
        case get
        /// A get that waits for nothing: that it fails says nothing.
        case glance
        case put(UInt64)
        /// A put on the condition that the key still has `expected` (nil: nothing).
        case replace(expected: UInt64?, with: UInt64)
        case remove
    }

    package enum Outcome: Hashable, Sendable {
        /// What a get showed; a remove that found nothing shows nil.
        case saw(UInt64?)
        case done
        case unknown
        /// Had no effect, and may have none: a condition that did not hold.
        case refused
        /// Had no effect, with the number of the error's code.
        case failed(UInt16)
    }

    /// Distinct among the calls of one log.
    package let number: UInt64
    package let key: String
    package let intent: Intent
    /// Of `HistoryClock`, in nanoseconds.
    package let start: UInt64

    package init(number: UInt64, key: String, intent: Intent) {
        self.init(number: number, key: key, intent: intent, start: HistoryClock.now.nanoseconds)
    }

    package init(number: UInt64, key: String, intent: Intent, start: UInt64) {
        self.number = number
        self.key = key
        self.intent = intent
        self.start = start
    }

    /// What the checker has to know of this call; nil for one that did nothing and showed nothing.
    ///
    /// - Parameter outcome: nil: its process was killed before the answer.
    package func operation(_ outcome: Outcome?, end: UInt64) -> HistoryOperation? {
        let write: HistoryOperation.Action? =
            switch intent {
            case .get, .glance: nil
            case .put(let value): .write(value)
            case .replace(let expected, let value): .replace(expected: expected, with: value)
            case .remove: .remove
            }
        switch outcome {
        case .saw(let value): return HistoryOperation(action: .read(value), start: start, end: end)
        case .done: return write.map { HistoryOperation(action: $0, start: start, end: end) }
        case .unknown, nil: return write.map { HistoryOperation(action: $0, start: start, end: nil) }
        case .refused, .failed: return nil
        }
    }
}

/// A line of a client's log.
package enum CallLine: Hashable, Sendable {
    case began(Call)
    case ended(number: UInt64, Call.Outcome, at: UInt64)
    /// What a client itself found to be wrong.
    case violation(String)

    package var text: String {
        switch self {
        case .began(let call): "+ \(call.number) \(call.start) \(call.key) \(call.intent)"
        case .ended(let number, let outcome, let end): "- \(number) \(end) \(outcome)"
        case .violation(let text): "! \(text)"
        }
    }

    /// nil for a line that a client did not finish.
    package init?(_ text: Substring) {
        if text.hasPrefix("! ") {
            self = .violation(String(text.dropFirst(2)))
            return
        }
        let words = text.split(separator: " ")
        guard words.count > 3, let number = UInt64(words[1]), let instant = UInt64(words[2]) else { return nil }
        if words[0] == "-", let outcome = Call.Outcome(words: words[3...]) {
            self = .ended(number: number, outcome, at: instant)
        } else if words[0] == "+", let intent = Call.Intent(words: words[4...]) {
            self = .began(Call(number: number, key: String(words[3]), intent: intent, start: instant))
        } else {
            return nil
        }
    }
}

extension Call.Intent: CustomStringConvertible {
    /// As in the line of text.
    package var description: String {
        switch self {
        case .get: "get"
        case .glance: "glance"
        case .put(let value): "put \(value)"
        case .replace(let expected, let value): "replace \(value) \(expected.map(String.init) ?? "absent")"
        case .remove: "remove"
        }
    }

    fileprivate init?(words: ArraySlice<Substring>) {
        let words = Array(words)
        let value = words.count > 1 ? UInt64(words[1]) : nil
        switch (words.first, value) {
        case ("get", nil): self = .get
        case ("glance", nil): self = .glance
        case ("put", let value?): self = .put(value)
        case ("replace", let value?) where words.count > 2: self = .replace(expected: UInt64(words[2]), with: value)
        case ("remove", nil): self = .remove
        default: return nil
        }
    }
}

extension Call.Outcome: CustomStringConvertible {
    /// As in the line of text.
    package var description: String {
        switch self {
        case .saw(let value): "saw \(value.map(String.init) ?? "absent")"
        case .done: "done"
        case .unknown: "unknown"
        case .refused: "refused"
        case .failed(let code): "failed \(code)"
        }
    }

    fileprivate init?(words: ArraySlice<Substring>) {
        let words = Array(words)
        switch words.first {
        case "saw" where words.count > 1: self = .saw(UInt64(words[1]))
        case "done": self = .done
        case "unknown": self = .unknown
        case "refused": self = .refused
        case "failed" where words.count > 1: self = .failed(UInt16(words[1]) ?? 0)
        default: return nil
        }
    }
}
