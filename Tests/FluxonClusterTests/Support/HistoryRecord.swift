import FluxonCore
import FluxonLinearizability
import FluxonWorkload

/// A call with what came of it.
struct RecordedCall: Hashable, Sendable {
    let call: Call
    /// nil: its process was killed before the answer.
    let outcome: Call.Outcome?
    let end: UInt64

    init(_ call: Call, _ outcome: Call.Outcome?, end: UInt64) {
        self.call = call
        self.outcome = outcome
        self.end = end
    }

    var source: HistoryRecord.Source { HistoryRecord.source(of: call.number) }

    /// The cluster said what is so.
    var isAnswered: Bool {
        switch outcome {
        case .saw, .done, .refused: true
        case .unknown, .failed, nil: false
        }
    }

    /// The cluster did not do what it had time for.
    var isFailure: Bool { outcome != nil && !isAnswered && call.intent != .glance }

    /// The value that this call may have put.
    var written: UInt64? {
        switch call.intent {
        case .put(let value), .replace(_, let value): value
        case .get, .glance, .remove: nil
        }
    }
}

/// All calls of a run and what happened to its processes, and the judgement: a pure function of them.
struct HistoryRecord {
    /// One life of a client: its numbers begin with these 24 bits. A slot has a thousand lives.
    typealias Source = UInt64
    static func source(of number: UInt64) -> Source { number >> 40 }
    static func slot(of source: Source) -> UInt64 { source / 1000 }

    private(set) var calls: [String: [RecordedCall]] = [:]
    private(set) var finished = 0
    private(set) var failed = 0
    /// What clients, roles and the run itself complained of.
    var violations: [String] = []
    var running: [Call] = []
    var losses = OwnerLosses()
    /// By slot; clients of an unknown one may be anybody's.
    var owners: [UInt64: String] = [:]
    /// nil: everybody, the machine stood still.
    var stops: [Source?: [ClosedRange<UInt64>]] = [:]
    var calmSince: UInt64?
    /// What people are shown as the time zero.
    var origin: UInt64 = 0
    /// How long a call may take: its timeout, at the slowest clock of a test, and what a busy machine adds.
    var longestCall = Duration.seconds(14)

    mutating func add(_ call: RecordedCall) {
        calls[call.call.key, default: []].append(call)
        if call.isAnswered { finished += 1 }
        if call.isFailure { failed += 1 }
    }

    /// What was wrong, for people; empty when nothing was.
    func verdict() -> [String] {
        let open = running.map { "a call never ended: \($0)" }
        let ended = calls.values.joined()
        let late = ended.compactMap { call in
            timeTaken(call).flatMap { $0 > longestCall ? "\(call.call) took \($0)" : nil }
        }
        let restless = ended.compactMap { call -> String? in
            guard let calmSince, call.call.start > calmSince, call.isFailure else { return nil }
            // Longer than a lease: then the cluster had a fault after all.
            guard standstill(from: calmSince, to: call.end, of: nil) < .seconds(2) else { return nil }
            return "\(call.call.key): \(call.call.intent) ended with \(call.outcome.map { "\($0)" } ?? ""), though no fault was left"
        }
        return violations + open + late + restless + disorder()
    }

    /// nil: it never ended.
    func timeTaken(_ call: RecordedCall) -> Duration? {
        guard call.outcome != nil else { return nil }
        let took = Duration.nanoseconds(Int64(clamping: call.end - min(call.call.start, call.end)))
        return took - standstill(from: call.call.start, to: call.end, of: call.source)
    }

    /// How much of this time the process, or the whole machine, stood still.
    func standstill(from start: UInt64, to end: UInt64, of source: Source?) -> Duration {
        let all = (stops[nil] ?? []) + (source == nil ? [] : stops[source] ?? [])
        var covered: UInt64 = 0
        var last = start
        for stop in all.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            let (from, to) = (max(stop.lowerBound, last), min(stop.upperBound, end))
            guard from < to else { continue }
            covered += to - from
            last = to
        }
        return .nanoseconds(Int64(clamping: covered))
    }

    // MARK: Order

    private func disorder() -> [String] {
        var intervals: [String: [ClosedRange<UInt64>]] = [:]
        for owner in Set(owners.values) { intervals[owner] = losses.intervals(of: owner) }
        let anybodys = losses.owners.flatMap { losses.intervals(of: $0) }.sorted { $0.lowerBound < $1.lowerBound }
        return calls.sorted { $0.key < $1.key }.compactMap { key, calls in
            let (operations, gone) = operations(of: calls) { source in
                owners[Self.slot(of: source)].map { intervals[$0] ?? [] } ?? anybodys
            }
            guard let stuck = Linearizability.violation(in: operations, losses: gone) else { return nil }
            return "\(key): no order explains its \(calls.count) calls; none fits next of those marked *, in seconds since the start:\n"
                + excerpt(of: calls, around: stuck)
        }
    }

    /// What the checker has to know: the calls, and since when each value may be gone whose owner may have lost it.
    private func operations(
        of calls: [RecordedCall], losses: (Source) -> [ClosedRange<UInt64>]
    ) -> (operations: [HistoryOperation], losses: [UInt64: UInt64]) {
        var seen: Set<UInt64> = []
        for call in calls {
            if case .saw(let value?) = call.outcome { seen.insert(value) }
            if case .replace(let value?, _) = call.call.intent, call.outcome == .done { seen.insert(value) }
        }
        var gone: [UInt64: UInt64] = [:]
        var operations: [HistoryOperation] = []
        for call in calls {
            guard let operation = call.call.operation(call.outcome, end: call.end) else { continue }
            operations.append(operation)
            guard let value = call.written, let loss = losses(call.source).first(where: { call.call.start <= $0.upperBound }) else {
                continue
            }
            let start = max(loss.lowerBound, call.call.start)
            if call.outcome == .done || seen.contains(value) {
                gone[value] = start
            } else {
                // One that nobody saw and nobody acknowledged replaced an older value, and took it along.
                operations.append(HistoryOperation(action: .remove, start: start, end: nil))
            }
        }
        return (operations, gone)
    }

    /// Those that no order explains, what put the values that they show, and what was called just before and after.
    private func excerpt(of calls: [RecordedCall], around stuck: [HistoryOperation]) -> String {
        let neighbours = 8
        let starts = Set(stuck.map(\.start))
        let calls = calls.sorted { $0.call.start < $1.call.start }
        let marked = calls.indices.filter { starts.contains(calls[$0].call.start) }
        let shown = Set(
            marked.compactMap { index -> UInt64? in
                if case .saw(let value) = calls[index].outcome { value } else { nil }
            })
        var places = Set(marked.flatMap { max(0, $0 - neighbours)...min(calls.count - 1, $0 + neighbours) })
        places.formUnion(calls.indices.filter { calls[$0].written.map(shown.contains) ?? false })
        return places.sorted().map { index in
            let call = calls[index]
            let slot = Self.slot(of: call.source)
            let who = slot == 0 ? "the tests" : "client-\(slot) at \(owners[slot] ?? "an owner")"
            let span = "\(seconds(call.call.start)) to \(call.outcome == nil ? "?" : seconds(call.end))"
            return "  \(starts.contains(call.call.start) ? "*" : " ") \(span)  \(who): \(call.call.intent) → "
                + (call.outcome.map { "\($0)" } ?? "killed")
        }.joined(separator: "\n")
    }

    /// As in the lines of progress, to the microsecond.
    private func seconds(_ instant: UInt64) -> String {
        let micros = (instant - min(origin, instant)) / 1000
        let fraction = String(micros % 1_000_000)
        return "\(micros / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)"
    }
}
