import FluxonLinearizability
import FluxonSeededRandom
import Testing

@Suite struct LinearizabilityTests {
    private static func operation(_ action: HistoryOperation.Action, _ start: UInt64, _ end: UInt64?) -> HistoryOperation {
        HistoryOperation(action: action, start: start, end: end)
    }

    @Test(
        "histories that some order explains",
        arguments: [
            [],
            [operation(.read(nil), 0, 1)],
            [operation(.write(1), 0, 1), operation(.read(1), 2, 3)],
            // Two overlapping writes, read in either order.
            [operation(.write(1), 0, 5), operation(.write(2), 0, 5), operation(.read(1), 6, 7)],
            [operation(.write(1), 0, 5), operation(.write(2), 0, 5), operation(.read(2), 6, 7)],
            // A read during a write shows the old value or the new.
            [operation(.write(1), 0, 1), operation(.write(2), 2, 9), operation(.read(1), 3, 4), operation(.read(2), 5, 6)],
            // An unknown write takes effect late, or never.
            [operation(.write(1), 0, nil), operation(.read(nil), 1, 2), operation(.read(1), 50, 51)],
            [operation(.write(1), 0, nil), operation(.write(2), 1, 2), operation(.read(2), 50, 51)],
            [operation(.remove, 0, nil), operation(.write(2), 1, 2), operation(.read(2), 5, 6), operation(.read(nil), 7, 8)],
            // Conditions.
            [
                operation(.replace(expected: nil, with: 1), 0, 1), operation(.replace(expected: 1, with: 2), 2, 3),
                operation(.read(2), 4, 5),
            ],
            [
                operation(.write(1), 0, 9), operation(.replacePresent(with: 2), 0, 9), operation(.removeExpected(2), 0, 9),
                operation(.read(nil), 10, 11),
            ],
            // An eviction is a remove of the master's: between two reads, or never seen.
            [operation(.write(1), 0, 1), operation(.remove, 4, 5), operation(.read(1), 2, 3), operation(.read(nil), 6, 7)],
            [operation(.write(1), 0, 1), operation(.remove, 2, 3), operation(.write(2), 4, 5), operation(.read(2), 6, 7)],
            // Each remove of unknown outcome serves one absence.
            [
                operation(.write(1), 0, 1), operation(.remove, 0, nil), operation(.remove, 0, nil), operation(.read(nil), 2, 3),
                operation(.write(2), 4, 5), operation(.read(nil), 6, 7),
            ],
            // A write that only "if present" saw.
            [operation(.write(1), 0, nil), operation(.replacePresent(with: 2), 1, nil), operation(.read(2), 3, 4)],
            // Equal instants overlap.
            [operation(.write(1), 0, 5), operation(.read(nil), 5, 6)],
        ])
    func good(history: [HistoryOperation]) {
        #expect(Linearizability.violation(in: history) == nil)
    }

    @Test(
        "histories that no order explains",
        arguments: [
            // Stale read.
            [operation(.write(1), 0, 1), operation(.write(2), 2, 3), operation(.read(1), 4, 5)],
            // Lost write.
            [operation(.write(1), 0, 1), operation(.read(nil), 2, 3)],
            // A value from nowhere.
            [operation(.read(7), 0, 1)],
            // Back to the old value.
            [operation(.write(1), 0, 1), operation(.write(2), 2, 20), operation(.read(2), 3, 4), operation(.read(1), 5, 6)],
            // An unknown write cannot come and go.
            [operation(.write(1), 0, 1), operation(.write(2), 2, nil), operation(.read(2), 3, 4), operation(.read(1), 5, 6)],
            // A write is not seen before it was called.
            [operation(.read(1), 0, 1), operation(.write(1), 2, 3)],
            // Two replacements of one value.
            [
                operation(.write(1), 0, 1), operation(.replace(expected: 1, with: 2), 2, 9),
                operation(.replace(expected: 1, with: 3), 2, 9),
            ],
            // Removed, then there again.
            [operation(.write(1), 0, 1), operation(.remove, 2, 3), operation(.read(1), 4, 5)],
            // One remove of unknown outcome does not serve two absences.
            [
                operation(.write(1), 0, 1), operation(.remove, 0, nil), operation(.read(nil), 2, 3), operation(.write(2), 4, 5),
                operation(.read(nil), 6, 7),
            ],
            // An eviction is seen by nobody who asked after it.
            [operation(.write(1), 0, 1), operation(.remove, 2, 3), operation(.read(1), 4, 5)],
            // A condition that failed saw what it met.
            [
                operation(.write(1), 0, 1), operation(.write(2), 2, 3), operation(.read(1), 4, 5),
                operation(.replace(expected: 2, with: 3), 4, 5),
            ],
            // "If present" took effect on an absent key.
            [operation(.write(1), 0, 1), operation(.remove, 2, 3), operation(.replacePresent(with: 2), 4, 5)],
            // Two readers disagree about the order of two overlapping writes.
            [
                operation(.write(1), 0, 100), operation(.write(2), 0, 100), operation(.read(1), 10, 11), operation(.read(2), 12, 13),
                operation(.read(1), 14, 15),
            ],
        ])
    func bad(history: [HistoryOperation]) {
        #expect(Linearizability.violation(in: history) != nil)
    }

    @Test("a random history of an atomic register passes; with one read changed to an overwritten value it fails", arguments: 0..<40)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var history: [HistoryOperation] = []
        var value: UInt64?
        var time: UInt64 = 100
        for number in 1...200 as ClosedRange<UInt64> {
            // The operation takes effect at `time`; its call and answer lie around that.
            let start = time - random.below(60)
            let end = time + random.below(60)
            switch random.below(4) {
            case 0:
                value = number
                history.append(Self.operation(.write(number), start, random.oneIn(8) ? nil : end))
            case 1 where random.oneIn(4):
                value = nil
                history.append(Self.operation(.remove, start, end))
            default: history.append(Self.operation(.read(value), start, end))
            }
            time += 10
        }
        #expect(Linearizability.violation(in: history) == nil)
        history.append(Self.operation(.write(1_000), time + 100, time + 101))
        history.append(Self.operation(.write(1_001), time + 102, time + 103))
        history.append(Self.operation(.read(1_000), time + 104, time + 105))
        #expect(Linearizability.violation(in: history) != nil)
    }

    @Test("a value that may be gone is gone from then on, for whoever looks late enough, and others are not")
    func losses() {
        let put = Self.operation(.write(1), 0, 1)
        func isExplained(_ rest: [HistoryOperation], _ losses: [UInt64: UInt64]) -> Bool {
            Linearizability.violation(in: [put] + rest, losses: losses) == nil
        }
        let absent = Self.operation(.read(nil), 10, 11)
        #expect(isExplained([absent], [1: 5]) && isExplained([absent], [1: 11]))
        #expect(!isExplained([absent], [1: 12]) && !isExplained([absent], [2: 5]) && !isExplained([absent], [:]))
        #expect(isExplained([Self.operation(.replace(expected: nil, with: 2), 10, 11), Self.operation(.read(2), 12, 13)], [1: 5]))
        #expect(isExplained([Self.operation(.read(1), 10, 11), Self.operation(.read(nil), 12, 13)], [1: 5]))
        #expect(!isExplained([absent, Self.operation(.read(1), 12, 13)], [1: 5]))
        // Somebody saw it when the loss may not have begun yet, and the one who missed it had his answer before.
        #expect(!isExplained([Self.operation(.read(nil), 2, 3), Self.operation(.read(1), 2, 20)], [1: 5]))
    }

    @Test("a thousand values that may each be gone do not make a violation hard to find", .timeLimit(.minutes(1)))
    func manyLosses() {
        var history: [HistoryOperation] = []
        var losses: [UInt64: UInt64] = [:]
        for value in UInt64(1)...1000 {
            history.append(Self.operation(.write(value), value * 10, value * 10 + 5))
            losses[value] = 100
        }
        history.append(Self.operation(.read(999), 20_000, 20_001))
        #expect(Linearizability.violation(in: history, losses: losses) != nil)
    }

    /// Histories of up to seven operations on few values, half of them of unknown outcome, all kinds of actions.
    @Test("small histories of every kind: the verdict is that of trying every order", arguments: 0..<8 as Range<UInt64>)
    func exhaustive(seed: UInt64) {
        var random = SeededRandom(seed: seed + 1)
        var verdicts = [true: 0, false: 0]
        for _ in 0..<1_500 {
            var next: UInt64 = 1
            let history = (0..<random.range(2...7)).map { _ in
                let start = random.below(12)
                let action = Self.action(&next, &random)
                return Self.operation(action, start, random.oneIn(3) ? nil : start + random.below(8))
            }
            let expected = ExhaustiveCheck.isLinearizable(history)
            verdicts[expected, default: 0] += 1
            #expect((Linearizability.violation(in: history) == nil) == expected, "seed \(seed): \(history)")
        }
        #expect(verdicts.values.allSatisfy { $0 > 50 }, "\(verdicts): both verdicts must occur")
    }

    private static func action(_ next: inout UInt64, _ random: inout SeededRandom) -> HistoryOperation.Action {
        let known = next > 1 ? random.range(1...next - 1) : 1
        func new() -> UInt64 {
            defer { next += 1 }
            return next
        }
        return switch random.below(9) {
        case 0, 1, 2: .read(random.oneIn(3) ? nil : known)
        case 3, 4: .write(new())
        case 5: .remove
        case 6: .replace(expected: random.oneIn(2) ? nil : known, with: new())
        case 7: .replacePresent(with: new())
        default: .removeExpected(known)
        }
    }

    @Test("a history of which no order is found within the limit is not taken for right, and the search ends")
    func limit() {
        // Every subset of the writes may come first, and the read shows none of them.
        let writes = (1...UInt64(40)).map { HistoryOperation(action: .write($0), start: $0, end: 100 + $0) }
        let history = writes + [HistoryOperation(action: .read(99), start: 200, end: 201)]
        #expect(Linearizability.violation(in: history, positions: 10_000) != nil)
    }

    @Test("the search looks at few positions for each operation, however long the history")
    func longHistories() {
        let short = Self.clientsHistory(operations: 500)
        let long = Self.clientsHistory(operations: 5_000)
        #expect(Linearizability.violation(in: long) == nil)
        let perOperation = Linearizability.positionCount(in: long) / long.count
        #expect(perOperation <= 2 * max(1, Linearizability.positionCount(in: short) / short.count))
        #expect(perOperation < 40)
    }

    /// Eight clients on one register: overlapping calls, a tenth of the writes and removes of unknown outcome.
    private static func clientsHistory(operations: Int) -> [HistoryOperation] {
        var random = SeededRandom(seed: 5)
        var value: UInt64?
        return (1...operations).map { number in
            let time = UInt64(number) * 10 + 100
            let (start, end) = (time - random.below(80), time + random.below(80))
            switch random.below(4) {
            case 0:
                value = UInt64(number)
                return operation(.write(UInt64(number)), start, random.oneIn(10) ? nil : end)
            case 1 where random.oneIn(4):
                value = nil
                return operation(.remove, start, random.oneIn(10) ? nil : end)
            default: return operation(.read(value), start, end)
            }
        }
    }
}

extension HistoryOperation: Equatable {
    static func == (left: HistoryOperation, right: HistoryOperation) -> Bool {
        left.action == right.action && left.start == right.start && left.end == right.end
    }
}
