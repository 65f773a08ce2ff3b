import FluxonCore
import FluxonLinearizability

/// What one seed gave.
package struct SimulationReport: Sendable {
    package let seed: UInt64
    package let shape: SimulationShape
    /// Empty when all is well; each begins with the number of the invariant.
    package let violations: [String]
    package let events: Int
    package let succeeded: Int
    package let localReads: Int
    package let failed: Int
    /// Over every event and every byte of every message.
    package let digest: UInt64
    /// With `keepsTrace`.
    package let lines: [String]
    /// Of each key that a violation names: what was done with it around the end.
    package let histories: [String]

    /// What to print of a seed that failed.
    package var failure: String {
        "\(shape) seed \(seed): " + violations.prefix(3).joined(separator: "\n    ") + "\n    its story: \(command)"
    }

    package var command: String { "scripts/simulate --shape \(shape) --seed \(seed) --trace" }

    /// The whole run for a person: what happened, what broke, and what was done with the keys that broke.
    package var story: [String] {
        let verdict = violations.isEmpty ? ["no invariant was broken"] : violations
        return lines + [""] + verdict + histories + ["", "\(shape) seed \(seed): \(summary)"]
    }

    package var json: String {
        let texts = violations.map { "\"\($0.escaped)\"" }.joined(separator: ",")
        return
            #"{"seed":\#(seed),"shape":"\#(shape)","violations":[\#(texts)],"events":\#(events),"operations":\#(succeeded),"localReads":\#(localReads),"#
            + #""failed":\#(failed),"digest":"\#(digest)"}"#
    }

    package var summary: String {
        "\(succeeded) operations, \(localReads) of them from shared memory, \(failed) failed, \(events) events, digest \(digest)"
    }
}

extension Simulation {
    func report() -> SimulationReport {
        SimulationReport(
            seed: seed, shape: options.shape, violations: invariants.violations, events: eventCount, succeeded: history.succeeded,
            localReads: history.localReads, failed: history.failed, digest: trace.digest, lines: trace.lines,
            histories: invariants.suspects.flatMap { historyStory($0) })
    }
}

extension Simulation {
    /// The last operations on a key, in the order of their calls.
    private func historyStory(_ key: Key) -> [String] {
        let operations = (history.operations[key] ?? []).sorted { ($0.start, $0.end ?? .max) < ($1.start, $1.end ?? .max) }
        return ["", "the last operations on \(name(key)), from call to answer:"]
            + operations.suffix(25).map { operation in
                let end = operation.end.map { SimulationTrace.clock($0) } ?? "      open"
                return "    \(SimulationTrace.clock(operation.start)) – \(end)  \(operation.action.story)"
            }
    }
}

extension String {
    package var firstLine: String { split(separator: "\n", maxSplits: 1).first.map(String.init) ?? "" }

    fileprivate var escaped: String {
        reduce(into: "") { text, character in
            switch character {
            case "\"", "\\": text += "\\\(character)"
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }
}
