import Testing

@testable import FluxonOwner

/// The parts of a value that comes through a relay.
@Suite struct RelayPiecesTests {
    private var pieces = RelayPieces(100..<350, pieceBytes: 100, window: 2)

    @Test("two are under way at a time, and the last is as long as what is left")
    mutating func window() {
        #expect(pieces.next() == 100..<200 && pieces.next() == 200..<300)
        #expect(pieces.next() == nil)
        pieces.arrived(100..<200)
        #expect(pieces.verified == 100 && pieces.next() == 300..<350)
        pieces.arrived(300..<350)
        #expect(pieces.verified == 100, "there is a gap")
        #expect(!pieces.isOver)
        pieces.arrived(200..<300)
        #expect(pieces.verified == 250 && pieces.isComplete && pieces.isOver && !pieces.hasFailed)
    }

    @Test("after a failure nothing more is asked for, what is under way is waited for, and the run from the start counts")
    mutating func failure() {
        let (first, second) = (pieces.next(), pieces.next())
        #expect(first == 100..<200 && second == 200..<300)
        pieces.failed(200..<300, verified: 40)
        #expect(pieces.next() == nil && !pieces.isOver)
        #expect(pieces.verified == 0)
        pieces.arrived(100..<200)
        #expect(pieces.isOver && !pieces.isComplete)
        #expect(pieces.verified == 140)
    }

    @Test("what brought nothing counts nothing, also when the rest is there")
    mutating func gap() {
        _ = pieces.next()
        _ = pieces.next()
        pieces.arrived(200..<300)
        pieces.failed(100..<200, verified: 0)
        #expect(pieces.isOver && pieces.verified == 0)
    }
}
