/// Which parts of a value are under way through a relay, and up to where they have come. Rules only.
///
///     waiting ──next──▶ in flight ──arrived──▶ here
///                           └──failed──▶ no more are asked for; ended when nothing is in flight
///
/// Parts come in any order; what counts after a failure is the run from the start that is complete.
struct RelayPieces {
    private let range: Range<UInt64>
    private let pieceBytes: UInt64
    private let window: Int
    private var inFlight: Set<UInt64> = []
    private var nextOffset: UInt64
    /// By lower bound: what is here beyond `verifiedEnd`, and what the failed ones brought of theirs.
    private var here: [UInt64: UInt64] = [:]
    private var verifiedEnd: UInt64
    private(set) var hasFailed = false

    init(_ range: Range<UInt64>, pieceBytes: Int, window: Int) {
        self.range = range
        self.pieceBytes = UInt64(pieceBytes)
        self.window = window
        nextOffset = range.lowerBound
        verifiedEnd = range.lowerBound
    }

    /// Bytes from the start of the range without a gap.
    var verified: Int { Int(verifiedEnd - range.lowerBound) }
    var isComplete: Bool { verifiedEnd == range.upperBound }
    /// Nothing is under way, and nothing more will be.
    var isOver: Bool { inFlight.isEmpty && (hasFailed || isComplete) }

    /// The next part to ask for, now; nil: none, or not yet. A value of no bytes needs one part, of none.
    mutating func next() -> Range<UInt64>? {
        guard !hasFailed, inFlight.count < window, nextOffset < range.upperBound else { return nil }
        let piece = nextOffset..<min(nextOffset + pieceBytes, range.upperBound)
        nextOffset = piece.upperBound
        inFlight.insert(piece.lowerBound)
        return piece
    }

    mutating func arrived(_ piece: Range<UInt64>) { landed(piece.lowerBound, upTo: piece.upperBound) }

    /// - Parameter verified: Bytes from the start of the piece that did come.
    mutating func failed(_ piece: Range<UInt64>, verified: Int) {
        hasFailed = true
        landed(piece.lowerBound, upTo: min(piece.lowerBound + UInt64(verified), piece.upperBound))
    }

    private mutating func landed(_ lower: UInt64, upTo upper: UInt64) {
        guard inFlight.remove(lower) != nil else { return }
        here[lower] = upper
        while let end = here.removeValue(forKey: verifiedEnd), end > verifiedEnd { verifiedEnd = end }
    }
}
