/// Heads of the free-run lists of one tenant: two levels of bins over run lengths, found by bit scans (TLSF, Masmano 2004).
///
/// Bin = power of two, cut into eight; lengths below eight have a bin each. A run found in a bin above the asked one always fits.
struct FreeRunBins: Sendable {
    static let none = UInt32.max
    private static let subdivisionBits = 3
    private static let subdivisions = 1 << subdivisionBits
    private static let levels = 32

    private var levelMask: UInt32 = 0
    private var binMasks = [UInt8](repeating: 0, count: levels)
    private var heads = [UInt32](repeating: none, count: levels * subdivisions)
    /// Pages in all lists together.
    var freePages = 0

    /// The bin of a run of exactly `pages`.
    static func bin(of pages: Int) -> Int {
        guard pages >= subdivisions else { return pages }
        let level = Int.bitWidth - 1 - pages.leadingZeroBitCount
        let subdivision = (pages >> (level - subdivisionBits)) & (subdivisions - 1)
        return (level - subdivisionBits + 1) * subdivisions + subdivision
    }

    func head(_ bin: Int) -> UInt32 { heads[bin] }

    mutating func setHead(_ bin: Int, _ page: UInt32) {
        heads[bin] = page
        let (level, subdivision) = (bin >> Self.subdivisionBits, bin & (Self.subdivisions - 1))
        if page == Self.none {
            binMasks[level] &= ~(1 << subdivision)
            if binMasks[level] == 0 { levelMask &= ~(1 << level) }
        } else {
            binMasks[level] |= 1 << subdivision
            levelMask |= 1 << level
        }
    }

    /// The lowest non-empty bin at or above `bin`. O(1).
    func firstNonEmpty(from bin: Int) -> Int? {
        let (level, subdivision) = (bin >> Self.subdivisionBits, bin & (Self.subdivisions - 1))
        guard level < Self.levels else { return nil }
        let here = binMasks[level] & (UInt8.max << subdivision)
        if here != 0 { return level << Self.subdivisionBits + here.trailingZeroBitCount }
        guard level + 1 < Self.levels else { return nil }
        let above = levelMask & (UInt32.max << (level + 1))
        guard above != 0 else { return nil }
        let next = above.trailingZeroBitCount
        return next << Self.subdivisionBits + binMasks[next].trailingZeroBitCount
    }
}
