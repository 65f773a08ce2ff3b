import Testing

@testable import FluxonTransfer

@Suite struct ReadPiecesTests {
    static func remote(_ counts: [Int]) -> [RemoteSegment] {
        counts.enumerated().map {
            RemoteSegment(address: UInt64($0.offset + 1) << 40, byteCount: UInt64($0.element), key: UInt32($0.offset))
        }
    }
    static func local(_ counts: [Int]) -> [MemorySegment] {
        counts.enumerated().map {
            MemorySegment(address: UInt($0.offset + 1) << 36, byteCount: $0.element, localKey: UInt32(100 + $0.offset), remoteKey: 0)
        }
    }

    @Test(
        "pieces follow each other, cross no border of either side, and are none longer than allowed",
        arguments: [
            ([10], [10], 100, [10]), ([10], [10], 4, [4, 4, 2]), ([3, 7], [10], 100, [3, 7]), ([10], [6, 4], 100, [6, 4]),
            ([5, 5], [3, 7], 4, [3, 2, 4, 1]), ([1 << 33], [1 << 33], 1 << 32, [1 << 32, 1 << 32]),
        ] as [([Int], [Int], Int, [Int])])
    func pieces(remote: [Int], local: [Int], longest: Int, expected: [Int]) {
        var pieces = ReadPieces(from: Self.remote(remote), into: Self.local(local), longest: longest)
        var found: [ReadPiece] = []
        while let piece = pieces.next() { found.append(piece) }
        #expect(found.map(\.byteCount) == expected)
        #expect(pieces.isEmpty)
        var (source, target) = (0, 0)
        for piece in found {
            #expect(Self.place(source, in: remote) == (Int(piece.remoteKey), piece.remoteAddress & (1 << 40 - 1)))
            #expect(Self.place(target, in: local) == (Int(piece.localKey) - 100, UInt64(piece.localAddress & (1 << 36 - 1))))
            source += piece.byteCount
            target += piece.byteCount
        }
    }

    /// In which segment a position lies, and where in it.
    static func place(_ position: Int, in counts: [Int]) -> (Int, UInt64) {
        var rest = position
        for (index, count) in counts.enumerated() {
            if rest < count { return (index, UInt64(rest)) }
            rest -= count
        }
        return (counts.count, 0)
    }
}

@Suite struct SendLedgerTests {
    @Test("one completion frees what was posted before it; a place is free again only then")
    func order() {
        var ledger = SendLedger(capacity: 4)
        let works = (0..<4).map { _ in ledger.post(isSignalled: true) }
        #expect(works.map(\.slot) == [0, 1, 2, 3])
        #expect(ledger.room == 0)
        ledger.completed(works[2].sequence)
        #expect(ledger.room == 3)
        ledger.completed(works[0].sequence)
        #expect(ledger.room == 3, "an old completion takes nothing back")
        #expect(ledger.post(isSignalled: true).slot == 0)
        ledger.completed(99)
        #expect(ledger.room == 4, "no more than was posted")
    }

    @Test("what is sent without a receipt gets one every so often, so that the queue never fills silently")
    func silence() {
        var ledger = SendLedger(capacity: 16)
        var works: [SendLedger.Work] = []
        while ledger.room > 0 { works.append(ledger.post(isSignalled: false)) }
        #expect(works.indices.filter { works[$0].isSignalled } == [3, 7, 11, 15])
        ledger.completed(works[15].sequence)
        #expect(ledger.room == 16)
    }
}
