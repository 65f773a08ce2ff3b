import FluxonCore
import Testing

/// Decision 0040.
@Suite struct TermHistoryTests {
    private func history(_ terms: (UInt64, UInt64)...) -> TermHistory {
        TermHistory(terms: terms.map { TermHistory.Term(number: $0.0, writes: $0.1) })
    }

    @Test("terms grow, and two histories that went apart never give one number, but for chance")
    func next() {
        let common = history((5 << 20 | 77, 3))
        let (one, other) = (common.next(above: 0, random: 1), common.next(above: 0, random: 2))
        #expect(one > common.latest && other > common.latest && one != other)
        #expect(TermHistory().next(above: 3 << 20 | 5, random: .max) == 5 << 20 - 1)
        #expect(history((1 << 62, 0)).next(above: .max, random: .max) > 1 << 62)
    }

    @Test("a history knows its own terms, as far as they have written, and no others")
    func knows() {
        let known = history((10, 2), (20, 5))
        #expect(known.knows(0) && known.knows(10) && known.knows(20) && !known.knows(15) && !known.knows(30) && !known.knows(5))
        #expect(known.knows(HistoryMark(term: 10, writes: 2, owners: 1)))
        #expect(!known.knows(HistoryMark(term: 10, writes: 3, owners: 1)))
        #expect(!known.knows(HistoryMark(term: 11, writes: 0, owners: 1)))
    }

    @Test("only the last terms are kept, and those before them are taken for known")
    func cut() {
        var long = TermHistory()
        for term in 1...UInt64(Limits.termHistory + 10) { long.append(term * 10) }
        #expect(long.terms.count == Limits.termHistory && long.isCut)
        #expect(long.knows(50) && long.knows(55) && !long.knows(long.latest - 5))
        #expect(TermHistory(parsing: long.text) == long)
        #expect(long.text.utf8.count < Limits.attributeBytes)
    }

    @Test("a term of a lost history is adopted in its place, and the next one lies above it")
    func adopt() {
        var fresh = history((3, 1))
        fresh.adopt([.init(number: 9 << 20, writes: 4), .init(number: 2 << 20), .init(number: 9 << 20, writes: 2)])
        #expect(fresh.knows(HistoryMark(term: 9 << 20, writes: 4, owners: 0)) && fresh.knows(2 << 20) && fresh.knows(3))
        #expect(fresh.next(above: 0, random: 0) == 10 << 20)
    }

    @Test(
        "text that is no history is refused",
        arguments: ["", "terms", "terms=5", "terms=5:x", "terms=7:0,5:0", "terms=9999999999999999999:0"])
    func refused(_ text: String) { #expect(TermHistory(parsing: text) == nil) }
}
