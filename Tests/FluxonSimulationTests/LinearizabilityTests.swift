import FluxonLinearizability
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
}

extension HistoryOperation: Equatable {
    static func == (left: HistoryOperation, right: HistoryOperation) -> Bool {
        left.action == right.action && left.start == right.start && left.end == right.end
    }
}
