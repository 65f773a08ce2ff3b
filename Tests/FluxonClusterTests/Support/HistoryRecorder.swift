import FluxonCore
import FluxonWorkload
import Synchronization

/// What every client saw, key by key. Clients of the tests' process write into it; what other processes wrote down is replayed into it.
final class HistoryRecorder: CallLog {
    private struct State {
        var record = HistoryRecord()
        var running: [UInt64: Call] = [:]
        var nextNumber: UInt64 = 1
        /// Who waits for how many calls to have ended.
        var waiting: [(goal: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var lastSuccess: [HistoryRecord.Source: UInt64] = [:]
        var lastFailure: [HistoryRecord.Source: UInt64] = [:]
    }

    private let state = Mutex(State())

    /// A number that no value has had.
    func newNumber() -> UInt64 {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            return state.nextNumber
        }
    }

    func record(_ line: CallLine) {
        let reached = state.withLock { state in
            switch line {
            case .began(let call): state.running[call.number] = call
            case .violation(let text): state.record.violations.append(text)
            case .ended(let number, let outcome, let end):
                if let call = state.running.removeValue(forKey: number) { finish(RecordedCall(call, outcome, end: end), &state) }
            }
            let finished = state.record.finished
            let reached = state.waiting.filter { $0.goal <= finished }
            if !reached.isEmpty { state.waiting.removeAll { $0.goal <= finished } }
            return reached.map(\.continuation)
        }
        for continuation in reached { continuation.resume() }
    }

    private func finish(_ call: RecordedCall, _ state: inout State) {
        state.record.add(call)
        // A glance may live on what the process has: it says nothing of the owner.
        if call.isAnswered, call.call.intent != .glance {
            state.lastSuccess[call.source] = max(call.call.start, state.lastSuccess[call.source] ?? 0)
        } else if call.isFailure {
            state.lastFailure[call.source] = max(call.end, state.lastFailure[call.source] ?? 0)
        }
    }

    func violation(_ text: String) { record(.violation(text)) }

    // MARK: What explains what clients see

    /// The clients of `slot` use this owner; only its losses may take what they put.
    func setOwner(_ owner: String, ofSlot slot: UInt64) { state.withLock { $0.record.owners[slot] = owner } }

    /// Times in the verdict count from here.
    func setOrigin(_ instant: BootInstant) { state.withLock { $0.record.origin = instant.nanoseconds } }

    /// How long a call may take, for clients whose clocks are slower than the promise allows.
    func setLongestCall(_ duration: Duration) { state.withLock { $0.record.longestCall = duration } }

    /// What only this owner held may be gone.
    func recordDeath(of owner: String, from start: BootInstant, to end: BootInstant = HistoryClock.now) {
        state.withLock { $0.record.losses.recordDeath(of: owner, from: start, to: end) }
    }

    func recordSilence(of owners: [String], from start: BootInstant, to end: BootInstant) {
        state.withLock { $0.record.losses.recordSilence(of: owners, from: start, to: end) }
    }

    func recordBreak(from start: BootInstant, to end: BootInstant) {
        state.withLock { $0.record.losses.recordBreak(from: start, to: end) }
    }

    /// This process, or every one without `source`, could not end its calls meanwhile.
    func recordStop(of source: HistoryRecord.Source?, from start: BootInstant, to end: BootInstant) {
        state.withLock { $0.record.stops[source, default: []].append(start.nanoseconds...end.nanoseconds) }
    }

    /// This process was killed: nobody knows what became of the calls that it had begun.
    func abandon(_ source: HistoryRecord.Source) {
        state.withLock { state in
            for (number, call) in state.running where HistoryRecord.source(of: number) == source {
                state.running[number] = nil
                state.record.add(RecordedCall(call, nil, end: 0))
            }
            state.lastFailure[source] = nil
        }
    }

    /// From now on every call must succeed.
    func beginCalm() { state.withLock { $0.record.calmSince = HistoryClock.now.nanoseconds } }

    // MARK: Waiting

    /// Whether each of these has had an answer since `start` and no failure for two seconds.
    func areServed(_ sources: [HistoryRecord.Source], since start: BootInstant) -> Bool {
        let now = HistoryClock.now
        return state.withLock { state in
            sources.allSatisfy { source in
                (state.lastSuccess[source] ?? 0) > start.nanoseconds
                    && now.since(BootInstant(nanoseconds: state.lastFailure[source] ?? 0)) > .seconds(2)
            }
        }
    }

    /// Returns when `count` more calls have ended, or the test's time is over.
    func finish(_ count: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.waiting.append((goal: $0.record.finished + count, continuation: continuation)) }
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

    // MARK: What came of it

    var finishedOperations: Int { state.withLock(\.record.finished) }
    var failedOperations: Int { state.withLock(\.record.failed) }
    var keys: [String] { state.withLock { $0.record.calls.keys.sorted() } }

    /// Everything so far; calls under way have not ended.
    var historyRecord: HistoryRecord {
        state.withLock { state in
            var record = state.record
            record.running = Array(state.running.values)
            return record
        }
    }

    /// What was wrong, for people; empty when nothing was.
    func verdict() -> [String] { historyRecord.verdict() }
}
