import Fluxon
import FluxonLinearizability
import FluxonSystem
import Synchronization

/// What every client saw, key by key.
final class HistoryRecorder: Sendable {
    private struct State {
        var histories: [String: [HistoryOperation]] = [:]
        var violations: [String] = []
        var nextNumber: UInt64 = 1
        var finished = 0
        /// Who waits for how many calls to have ended.
        var waiting: [(goal: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// A number that no value has had.
    func newNumber() -> UInt64 {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            return state.nextNumber
        }
    }

    func record(_ key: String, _ action: HistoryOperation.Action, start: UInt64, end: UInt64?) {
        let reached = state.withLock { state in
            state.histories[key, default: []].append(HistoryOperation(action: action, start: start, end: end))
            if end != nil { state.finished += 1 }
            let finished = state.finished
            let reached = state.waiting.filter { $0.goal <= finished }
            if !reached.isEmpty { state.waiting.removeAll { $0.goal <= finished } }
            return reached.map(\.continuation)
        }
        for continuation in reached { continuation.resume() }
    }

    func violation(_ text: String) { state.withLock { $0.violations.append(text) } }

    /// Every key may lose its value from now on: an owner has died.
    func recordLoss(of keys: [String], at instant: UInt64) {
        for key in keys { record(key, .remove, start: instant, end: nil) }
    }

    var finishedOperations: Int { state.withLock(\.finished) }

    /// Returns when `count` more calls have ended, or the test's time is over.
    func finish(_ count: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.waiting.append((goal: $0.finished + count, continuation: continuation)) }
                if Task.isCancelled { giveUp() }
            }
        } onCancel: {
            giveUp()
        }
    }

    private func giveUp() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for (_, continuation) in waiting { continuation.resume() }
    }

    /// What was wrong, for people; empty when nothing was.
    func verdict() -> [String] {
        let (histories, violations) = state.withLock { ($0.histories, $0.violations) }
        return violations
            + histories.sorted { $0.key < $1.key }.compactMap { key, history in
                Linearizability.violation(in: history).map { stuck in
                    "\(key): no order explains these of \(history.count) operations: " + stuck.map { "\($0)" }.joined(separator: "; ")
                }
            }
    }
}
