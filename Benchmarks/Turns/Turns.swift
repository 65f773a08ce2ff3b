import FluxonCore
import FluxonMaster
import FluxonMeasure
import FluxonSystem

/// The longest turn of a master's loop in the largest things that happen to it. The lines are `turns, count, step, turns_made,
/// longest_ms, mean_us`; no turn may take more than 50 ms, for whatever else a turn brings waits for its end.
enum Turns: String, CaseIterable {
    /// An owner with so many keys is lost.
    case lostOwner = "lost-owner"
    /// So many owners join, work, and fall silent together.
    case owners
    /// So many sidecars join within a moment.
    case presences

    private var usualCount: Int {
        switch self {
        case .lostOwner: 5_000_000
        case .owners: 1_000
        case .presences: 2_000
        }
    }

    func run(count: Int?) async throws {
        let count = count ?? usualCount
        switch self {
        case .lostOwner: try lose(keys: count)
        case .owners:
            guard count <= Limits.members else { throw BenchmarkFailure("\(count) owners are more than a cluster has, \(Limits.members)") }
            work(owners: UInt32(count))
        case .presences: try await PresenceTurns(count: count).run { report(count, "join", $0) }
        }
    }

    private func report(_ count: Int, _ step: String, _ tally: TurnTally) {
        let mean = tally.count == 0 ? 0 : Double(tally.total.clampedNanoseconds) / Double(tally.count) / 1000
        Main.line(
            Footprint.json([
                ("turns", .string(rawValue)), ("count", .integer(Int64(count))), ("step", .string(step)),
                ("turns_made", .integer(Int64(tally.count))),
                ("longest_ms", .number((Double(tally.longest.clampedNanoseconds) / 10_000).rounded() / 100)),
                ("mean_us", .number((mean * 10).rounded() / 10)),
            ]))
    }

    // MARK: An owner with many keys

    /// Two owners; one has all the keys and dies, the other works on.
    private func lose(keys: Int) throws {
        var term = StagedTerm(owners: 2)
        term.connect(1...2)
        term.send([(2, [.report(ReportPage(entries: [], pending: [], isLast: true))])], heartbeat: true)
        for start in stride(from: 0, to: keys, by: Limits.reportPageEntries) {
            let end = min(start + Limits.reportPageEntries, keys)
            let entries = (start..<end).map {
                ReportEntry(key: Self.key($0), version: Version(term: 2, sequence: UInt64($0) + 1), byteCount: 64, parkedBy: nil)
            }
            term.send([(1, [.report(ReportPage(entries: entries, pending: [], isLast: end == keys))])])
        }
        report(keys, "report", term.takeTurns())
        var operation: UInt64 = 0
        let start = term.now
        // 31 s of silence, then until nothing is left of it.
        while term.now.since(start) < .seconds(31) || term.table.keyCount > Int(operation) {
            guard term.now.since(start) < .seconds(300) else { throw BenchmarkFailure("\(term.table.keyCount) keys are left for ever") }
            operation += 1
            let commit = LinkCommit(
                operation: operation, key: Self.key(keys + Int(operation)), kind: .put, byteCount: 64, condition: .none)
            term.send([(2, [.commit(commit), .taken(operation: operation - 1)])], heartbeat: true)
            term.pass(until: term.now.advanced(by: .milliseconds(100)))
        }
        report(keys, "loss", term.takeTurns())
    }

    private static func key(_ number: Int) -> Key {
        guard let key = try? Key(ManyKeys.name(number)) else { preconditionFailure("a benchmark's name is a key") }
        return key
    }

    // MARK: Many owners

    private func work(owners count: UInt32) {
        var term = StagedTerm(owners: 0)
        for start in stride(from: UInt32(1), through: count, by: 256) { term.connect(start...min(start + 255, count)) }
        for start in stride(from: UInt32(1), through: count, by: 256) {
            let reports = (start...min(start + 255, count)).map {
                ($0, [OwnerMessage.report(ReportPage(entries: [], pending: [], isLast: true))])
            }
            term.send(reports, heartbeat: true)
        }
        report(Int(count), "join", term.takeTurns())
        // Ten seconds: each owner is granted every second and puts four values, one frame a turn.
        for round in UInt64(0)..<10 {
            let end = term.now.advanced(by: .seconds(1))
            for number in 1...count {
                let messages = (UInt64(0)..<4).flatMap { index -> [OwnerMessage] in
                    let operation = round * 4 + index + 1
                    let commit = LinkCommit(
                        operation: operation, key: Self.key(Int(number) * 1000 + Int(operation)), kind: .put, byteCount: 64,
                        condition: .none)
                    return [.commit(commit), .taken(operation: operation - 1)]
                }
                term.send([(number, messages)], heartbeat: true)
            }
            term.pass(until: end)
        }
        report(Int(count), "work", term.takeTurns())
        term.pass(until: term.now.advanced(by: .seconds(40)))
        report(Int(count), "silence", term.takeTurns())
    }
}
