import FluxonCore
import FluxonOwner
import Testing

/// A new session of an owner with many copies: what one turn does for it is bounded.
@Suite final class ReplicaReportPiecesTests: ScriptedOwner {
    private static let copies = 200
    /// Of which handling a copy takes eight beside the look at its place: ten copies.
    private static let steps = 90
    private static let copiesPerTurn = 10

    init() throws {
        try super.init(turnSteps: Self.steps)
        for number in 0..<Self.copies {
            table.store.retain(number)
            _ = table.store.publish(try Self.key(number), copy(number, UInt64(number) + 1))
        }
    }

    private static func key(_ number: Int) throws -> Key { try Key("key-\(number)") }

    /// Turns until the report is complete, each with the master's acknowledgement: the entries of each, and whether the last page came.
    private func report() -> (turns: [[ReportEntry]], isComplete: Bool) {
        var turns: [[ReportEntry]] = []
        while turns.count < 2 * Self.copies {
            var pages: [ReportPage] = []
            for case .report(let page) in turn().sent { pages.append(page) }
            turns.append(pages.flatMap(\.entries))
            if pages.contains(where: \.isLast) { return (turns, true) }
            #expect(table.nextTimer == .zero, "it waits, and nobody wakes it")
            acknowledge()
        }
        return (turns, false)
    }

    @Test("the report goes out a bounded number of copies a turn, each once, and the timer asks for the next turn until it is complete")
    func pieces() throws {
        enter(term: 4, session: 1)
        let (turns, isComplete) = report()
        #expect(isComplete)
        #expect(turns.allSatisfy { $0.count <= Self.copiesPerTurn })
        #expect(try turns.flatMap { $0.map(\.key) } == (0..<Self.copies).map { try Self.key($0) })
        #expect(table.nextTimer != .zero)
    }

    @Test("R6: an owner that is not believed forgets a bounded number of copies a turn, and reports nothing before all are gone")
    func forgetting() {
        enter(term: 4, session: 1, keepsNothing: true)
        var left = Self.copies
        while left > 0 {
            #expect(turn().sent.isEmpty)
            #expect(table.store.references.count >= left - Self.copiesPerTurn, "more than a piece of it went in one turn")
            #expect(table.store.references.count < left)
            left = table.store.references.count
        }
        let (turns, isComplete) = report()
        #expect(isComplete && turns.allSatisfy { $0.isEmpty })
    }

    @Test("a copy that is invalidated before the report has come to it is named as parked: the master may have it restored")
    func parkedMeanwhile() throws {
        enter(term: 4, session: 1)
        _ = turn()
        let last = try Self.key(Self.copies - 1)
        let cause = OperationReference(owner: OwnerID(2), generation: Generation(1), number: 1)
        var entries: [ReportEntry] = []
        let invalidation = Invalidation(number: 1, key: last, upTo: Version(term: 9, sequence: 9), cause: cause)
        for case .report(let page) in receive([.invalidate(invalidation)]).sent {
            entries += page.entries
        }
        acknowledge()
        entries += report().turns.flatMap { $0 }
        #expect(entries.filter { $0.key == last }.map(\.parkedBy) == [cause])
    }
}
