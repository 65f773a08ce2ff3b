import FluxonCore
import FluxonWorkload
import Foundation

/// What a run came to: a table for people, JSON for scripts.
struct ChaosSummary: Encodable {
    struct Client: Encodable {
        let name: String
        let calls: Int
        /// The longest time without an answer, but for what the client itself or the machine stood still.
        let worstUnavailabilitySeconds: Double
    }

    let seed: UInt64
    let cluster: String
    let network: String
    let seconds: Double
    let faults: [String: Int]
    /// By outcome.
    let calls: [String: Int]
    let keys: Int
    let clients: [Client]
    let slowestCall: String
    let slowestCallSeconds: Double
    let machineStandstillSeconds: Double
    /// Of roles and pools: at the start, and after the last client had gone.
    let resources: [String: [Int]]
    let violations: [String]
    /// Where logs and histories of a failed run are.
    let evidence: String?
    /// Repeats the run, as far as processes can be repeated.
    let command: String

    static func calls(of record: HistoryRecord) -> [String: Int] {
        var counts: [String: Int] = [:]
        for call in record.calls.values.joined() { counts[outcome(of: call), default: 0] += 1 }
        return counts
    }

    private static func outcome(of call: RecordedCall) -> String {
        let intent =
            switch call.call.intent {
            case .get: "get"
            case .glance: "glance"
            case .put: "put"
            case .replace: "replace"
            case .remove: "remove"
            }
        let outcome =
            switch call.outcome {
            case .saw(nil): "absent"
            case .saw, .done: "done"
            case .unknown: "unknown"
            case .refused: "refused"
            case .failed(let code): "failed \(code)"
            case nil: "killed"
            }
        return "\(intent) \(outcome)"
    }

    static func slowest(of record: HistoryRecord) -> (call: String, seconds: Double) {
        let slowest = record.calls.values.joined().compactMap { call in record.timeTaken(call).map { (call, $0) } }.max { $0.1 < $1.1 }
        return slowest.map { ("\($0.call.key): \($0.call.intent) → \($0.outcome.map { "\($0)" } ?? "")", $1 / .seconds(1)) } ?? ("none", 0)
    }

    static func clients(of record: HistoryRecord, names: [UInt64: String], from start: UInt64) -> [Client] {
        var answers: [UInt64: [(end: UInt64, source: HistoryRecord.Source)]] = [:]
        for call in record.calls.values.joined() where call.isAnswered && call.call.intent != .glance {
            answers[HistoryRecord.slot(of: call.source), default: []].append((call.end, call.source))
        }
        return names.sorted { $0.key < $1.key }.map { slot, name in
            var last = start
            var worst = Duration.zero
            for (end, source) in (answers[slot] ?? []).sorted(by: { $0.end < $1.end }) where end > last {
                let gap = Duration.nanoseconds(Int64(clamping: end - last)) - record.standstill(from: last, to: end, of: source)
                worst = max(worst, gap)
                last = end
            }
            return Client(name: name, calls: answers[slot]?.count ?? 0, worstUnavailabilitySeconds: worst / .seconds(1))
        }
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    var table: String {
        func rows(_ counts: [String: Int]) -> [String] {
            counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "  \(Self.padded($0.key, 30)) \($0.value)" }
        }
        var lines = ["seed \(seed): \(cluster); \(network)"]
        lines += ["faults: \(faults.values.reduce(0, +)) in \(Self.rounded(seconds)) s"] + rows(faults)
        lines += ["calls: \(calls.values.reduce(0, +)) on \(keys) keys"] + rows(calls)
        lines += ["clients: calls answered, longest time without an answer"]
        lines += clients.map { "  \(Self.padded($0.name, 30)) \($0.calls)  \(Self.rounded($0.worstUnavailabilitySeconds)) s" }
        lines += ["slowest call: \(Self.rounded(slowestCallSeconds)) s, \(slowestCall)"]
        lines += ["the machine stood still for \(Self.rounded(machineStandstillSeconds)) s in all"]
        let memory = resources.filter { $0.key.hasSuffix("of its own") }.values
        lines += [
            "roles took \(memory.reduce(0) { $0 + $1[0] } >> 10) MiB of memory of their own at the start and "
                + "\(memory.reduce(0) { $0 + $1[1] } >> 10) MiB at the end"
        ]
        lines += [violations.isEmpty ? "no violation" : "\(violations.count) VIOLATIONS"] + violations.map { "- \($0)" }
        if let evidence { lines.append("logs and histories: \(evidence)") }
        if !violations.isEmpty { lines.append("to repeat: \(command)") }
        return lines.joined(separator: "\n")
    }

    private static func padded(_ text: String, _ width: Int) -> String { text.padding(toLength: width, withPad: " ", startingAt: 0) }

    private static func rounded(_ number: Double) -> String { String(format: "%.1f", number) }
}
