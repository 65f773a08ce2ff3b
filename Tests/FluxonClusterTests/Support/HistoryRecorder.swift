import FluxonCore
import FluxonLinearizability
import FluxonSystem
import FluxonWorkload
import Synchronization

/// What every client saw, key by key. Clients of the tests' process write into it; what other processes wrote down is replayed into it.
final class HistoryRecorder: CallLog {
    /// Calls of one process: its numbers begin with these 24 bits.
    typealias Source = UInt64
    static func source(of number: UInt64) -> Source { number >> 40 }

    private struct State {
        var histories: [String: [HistoryOperation]] = [:]
        var violations: [String] = []
        var running: [UInt64: Call] = [:]
        var nextNumber: UInt64 = 1
        var finished = 0
        /// Who waits for how many calls to have ended.
        var waiting: [(goal: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var failed = 0
        var late: [(call: Call, end: UInt64)] = []
        var losses: [UInt64] = []
        var stops: [Source: [ClosedRange<UInt64>]] = [:]
        var lastSuccess: [Source: UInt64] = [:]
        var lastFailure: [Source: UInt64] = [:]
        var calmSince: UInt64?
    }

    /// How long a call may take: its timeout and what a busy machine adds.
    private let longestCall: Duration
    private let state = Mutex(State())

    init(timeout: Duration = .seconds(10)) { longestCall = timeout + .seconds(3) }

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
            case .violation(let text): state.violations.append(text)
            case .ended(let number, let outcome, let end):
                if let call = state.running.removeValue(forKey: number) { finish(call, outcome, end, &state) }
            }
            let finished = state.finished
            let reached = state.waiting.filter { $0.goal <= finished }
            if !reached.isEmpty { state.waiting.removeAll { $0.goal <= finished } }
            return reached.map(\.continuation)
        }
        for continuation in reached { continuation.resume() }
    }

    private func finish(_ call: Call, _ outcome: Call.Outcome, _ end: UInt64, _ state: inout State) {
        if let operation = call.operation(outcome, end: end) { state.histories[call.key, default: []].append(operation) }
        if BootInstant(nanoseconds: end).since(BootInstant(nanoseconds: call.start)) > longestCall { state.late.append((call, end)) }
        let source = Self.source(of: call.number)
        switch outcome {
        case .saw, .done, .refused:
            state.finished += 1
            state.lastSuccess[source] = max(call.start, state.lastSuccess[source] ?? 0)
        case .unknown, .failed:
            state.failed += 1
            state.lastFailure[source] = max(end, state.lastFailure[source] ?? 0)
            if let calm = state.calmSince, call.start > calm {
                state.violations.append("\(call.key): \(call.intent) ended with \(outcome), though no fault was left")
            }
        }
    }

    func violation(_ text: String) { record(.violation(text)) }

    /// Every key may lose its value from now on: an owner has died, or one that was not believed came back to a new master.
    func recordLoss(at instant: BootInstant) { state.withLock { $0.losses.append(instant.nanoseconds) } }

    /// This process could not end its calls meanwhile.
    func recordStop(of source: Source, from start: BootInstant, to end: BootInstant) {
        state.withLock { $0.stops[source, default: []].append(start.nanoseconds...end.nanoseconds) }
    }

    /// This process was killed: nobody knows what became of the calls that it had begun.
    func abandon(_ source: Source) {
        state.withLock { state in
            for (number, call) in state.running where Self.source(of: number) == source {
                state.running[number] = nil
                if let operation = call.operation(nil, end: 0) { state.histories[call.key, default: []].append(operation) }
            }
            state.lastFailure[source] = nil
        }
    }

    /// From now on every call must succeed.
    func beginCalm() { state.withLock { $0.calmSince = BootClock.now.nanoseconds } }

    /// Whether each of these has had an answer since `start` and no failure for two seconds.
    func areServed(_ sources: [Source], since start: BootInstant) -> Bool {
        let now = BootClock.now
        return state.withLock { state in
            sources.allSatisfy { source in
                (state.lastSuccess[source] ?? 0) > start.nanoseconds
                    && now.since(BootInstant(nanoseconds: state.lastFailure[source] ?? 0)) > .seconds(2)
            }
        }
    }

    var finishedOperations: Int { state.withLock(\.finished) }
    var failedOperations: Int { state.withLock(\.failed) }
    var keys: [String] { state.withLock { $0.histories.keys.sorted() } }

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
        let state = state.withLock { $0 }
        let open = state.running.values.map { "a call never ended: \($0)" }
        let late = state.late.compactMap { call, end in lateness(call, end, state.stops[Self.source(of: call.number)] ?? []) }
        return state.violations + open + late
            + state.histories.sorted { $0.key < $1.key }.compactMap { key, history in
                let first = history.map(\.start).min() ?? 0
                // Only what was there may be lost.
                let losses = state.losses.filter { $0 > first }.map { HistoryOperation(action: .remove, start: $0, end: nil) }
                return Linearizability.violation(in: history + losses).map { stuck in
                    "\(key): no order explains these of \(history.count) operations: " + stuck.map { "\($0)" }.joined(separator: "; ")
                }
            }
    }

    private func lateness(_ call: Call, _ end: UInt64, _ stops: [ClosedRange<UInt64>]) -> String? {
        let stopped = stops.reduce(UInt64(0)) { sum, stop in
            let overlap = (max(stop.lowerBound, call.start), min(stop.upperBound, end))
            return overlap.0 < overlap.1 ? sum + overlap.1 - overlap.0 : sum
        }
        let took = Duration.nanoseconds(Int64(clamping: end - call.start - stopped))
        return took > longestCall ? "\(call) took \(took)" : nil
    }
}
