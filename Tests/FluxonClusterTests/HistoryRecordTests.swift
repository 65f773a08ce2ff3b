import FluxonCore
import FluxonWorkload
import Testing

/// That a run cannot pass silently: what clients wrote down is judged, and each kind of wrong is found.
@Suite struct HistoryRecordTests {
    private let recorder = HistoryRecorder()
    /// Clients of the slots 1 and 2, at an owner each.
    private static let first: UInt64 = 1001 << 40
    private static let second: UInt64 = 2001 << 40

    init() {
        recorder.setOwner("owner-1", ofSlot: 1)
        recorder.setOwner("owner-2", ofSlot: 2)
    }

    /// Times are in seconds.
    private func call(_ number: UInt64, _ intent: Call.Intent, _ outcome: Call.Outcome?, _ start: UInt64, _ end: UInt64) {
        recorder.record(.began(Call(number: number, key: "key", intent: intent, start: start * 1_000_000_000)))
        if let outcome { recorder.record(.ended(number: number, outcome, at: end * 1_000_000_000)) }
    }

    private static func at(_ seconds: UInt64) -> BootInstant { BootInstant(nanoseconds: seconds * 1_000_000_000) }

    @Test("what clients wrote as text is read back as they meant it, and nothing else is taken for a line")
    func lines() throws {
        for outcome: Call.Outcome in [.saw(nil), .saw(7), .done, .unknown, .refused, .failed(9)] {
            let line = CallLine.ended(number: 3, outcome, at: 12)
            #expect(CallLine(Substring(line.text)) == line)
        }
        for intent: Call.Intent in [.get, .glance, .put(5), .replace(expected: nil, with: 6), .replace(expected: 5, with: 6), .remove] {
            let line = CallLine.began(Call(number: 3, key: "key", intent: intent, start: 12))
            #expect(CallLine(Substring(line.text)) == line)
        }
        for text in ["", "+ 1 2", "+ 1 2 key fly", "- x 2 done", "- 1 2 saw", "- 1 2 maybe"] {
            #expect(CallLine(Substring(text)) == nil, "\(text)")
        }
    }

    @Test("a get that shows an overwritten value is found, and its key's history is told with places and the run's own words")
    func stale() {
        call(Self.first + 1, .put(1), .done, 1, 2)
        call(Self.second + 1, .put(2), .done, 3, 4)
        call(Self.first + 2, .get, .saw(1), 5, 6)
        let verdict = recorder.verdict()
        #expect(verdict.count == 1)
        #expect(verdict.first?.contains("client-1 at owner-1: get") == true && verdict.first?.contains("client-2 at owner-2") == true)
    }

    @Test("an acknowledged value may be gone only when the owner that it was put through may have lost it")
    func lost() {
        call(Self.first + 1, .put(1), .done, 1, 2)
        call(Self.second + 1, .get, .saw(nil), 10, 11)
        #expect(recorder.verdict().count == 1)
        recorder.recordDeath(of: "owner-2", from: Self.at(5), to: Self.at(5))
        #expect(recorder.verdict().count == 1, "a surviving owner holds it")
        recorder.recordDeath(of: "owner-1", from: Self.at(5), to: Self.at(5))
        #expect(recorder.verdict().isEmpty)
    }

    @Test("what was put after its owner's death is not excused by it, and a value that is gone stays gone")
    func lostLater() {
        recorder.recordDeath(of: "owner-1", from: Self.at(1), to: Self.at(2))
        call(Self.first + 1, .put(1), .done, 3, 4)
        call(Self.second + 1, .get, .saw(nil), 10, 11)
        #expect(recorder.verdict().count == 1)
        recorder.recordDeath(of: "owner-1", from: Self.at(5), to: Self.at(6))
        #expect(recorder.verdict().isEmpty)
        call(Self.second + 2, .get, .saw(1), 12, 13)
        #expect(recorder.verdict().count == 1)
    }

    @Test("of a client whose owner is not known, the first owner's death counts, in whatever order they were recorded")
    func lostAnywhere() {
        for (value, owner) in [(UInt64(1), "owner-1"), (2, "owner-2"), (3, "owner-3"), (4, "owner-4")] {
            recorder.recordDeath(of: owner, from: Self.at(value * 10 + 5), to: Self.at(value * 10 + 5))
        }
        call(1, .put(1), .done, 1, 2)
        call(2, .get, .saw(nil), 16, 17)
        #expect(recorder.verdict().isEmpty)
    }

    @Test("an overwrite that nobody saw and nobody acknowledged takes the older value along when its owner dies")
    func lostOverwrite() {
        call(Self.second + 1, .put(1), .done, 1, 2)
        call(Self.first + 1, .put(2), .unknown, 3, 9)
        call(Self.second + 2, .get, .saw(nil), 10, 11)
        #expect(recorder.verdict().count == 1)
        recorder.recordDeath(of: "owner-1", from: Self.at(5), to: Self.at(5))
        #expect(recorder.verdict().isEmpty)
    }

    @Test("an owner that was out of reach loses nothing, unless the term ended meanwhile or it was away beyond lost_after")
    func silent() {
        call(Self.first + 1, .put(1), .done, 1, 2)
        call(Self.second + 1, .get, .saw(nil), 90, 91)
        recorder.recordSilence(of: ["owner-1"], from: Self.at(10), to: Self.at(20))
        #expect(recorder.verdict().count == 1)
        recorder.recordBreak(from: Self.at(50), to: Self.at(51))
        #expect(recorder.verdict().count == 1, "it had reported again by then")
        recorder.recordBreak(from: Self.at(25), to: Self.at(26))
        #expect(recorder.verdict().isEmpty)
    }

    @Test("an owner that was silent beyond lost_after has lost what it held")
    func declaredLost() {
        call(Self.first + 1, .put(1), .done, 1, 2)
        call(Self.second + 1, .get, .saw(nil), 90, 91)
        recorder.recordSilence(of: ["owner-1"], from: Self.at(10), to: Self.at(45))
        #expect(recorder.verdict().isEmpty)
    }

    @Test("a call that never ended is found, one whose process was killed is not, and one that ended late is unless all stood still")
    func endings() {
        call(Self.first + 1, .get, nil, 1, 0)
        #expect(recorder.verdict().count == 1)
        recorder.abandon(1001)
        #expect(recorder.verdict().isEmpty)
        call(Self.second + 1, .get, .saw(nil), 1, 20)
        #expect(recorder.verdict().count == 1)
        recorder.recordStop(of: 1001, from: Self.at(2), to: Self.at(12))
        #expect(recorder.verdict().count == 1, "another client stood still")
        recorder.recordStop(of: nil, from: Self.at(2), to: Self.at(6))
        recorder.recordStop(of: 2001, from: Self.at(4), to: Self.at(8))
        #expect(recorder.verdict().isEmpty)
    }

    @Test("what clients complain of is wrong, whatever the history says")
    func complaints() {
        recorder.violation("a value is mixed")
        #expect(recorder.verdict() == ["a value is mixed"])
    }
}
