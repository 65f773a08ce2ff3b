package import Fluxon
import Glibc

/// Bytes that prove themselves: a number that is written once in a run, their count, and a pattern that both choose, so that no piece of
/// another value, and none of this one in another place, goes unnoticed.
package enum TestValue {
    private static let headerBytes = 16
    /// Pieces of this size lie at another place of the pattern each.
    private static let pieceBytes = 1 << 20
    private static let shifts = 8192

    /// Every short process makes it anew: without calls, which are slow where nothing is optimised.
    private static let pattern = [UInt64](unsafeUninitializedCapacity: pieceBytes / 8 + shifts) { words, count in
        count = pieceBytes / 8 + shifts
        var (word, place): (UInt64, Int) = (0x9E37_79B9_7F4A_7C15, 0)
        while place < count {
            word ^= word &<< 13
            word ^= word &>> 7
            word ^= word &<< 17
            words.initializeElement(at: place, to: word)
            place &+= 1
        }
    }

    private static func shift(number: UInt64, piece: Int) -> Int {
        Int(truncatingIfNeeded: (number &+ UInt64(piece) &* 0x9E37_79B9) % UInt64(shifts)) * 8
    }

    /// - Parameter count: 8 (the number alone), or 16 and more.
    package static func bytes(number: UInt64, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            withUnsafeBytes(of: (number, UInt64(count))) { header in bytes.copyMemory(from: .init(rebasing: header.prefix(count))) }
            pieces(number, count) { range, expected in
                UnsafeMutableRawBufferPointer(rebasing: bytes[range]).copyMemory(from: expected)
                return true
            }
            initialized = count
        }
    }

    /// The number of a whole, unmixed value; nil for anything else.
    package static func number(of value: Value) -> UInt64? {
        value.withBytes { span in span.withUnsafeBytes { number(of: $0) } }
    }

    package static func number(of bytes: UnsafeRawBufferPointer) -> UInt64? {
        guard let base = bytes.baseAddress, bytes.count == 8 || bytes.count >= headerBytes else { return nil }
        let number = bytes.loadUnaligned(as: UInt64.self)
        if bytes.count >= headerBytes, bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self) != UInt64(bytes.count) { return nil }
        let isWhole = pieces(number, bytes.count) { range, expected in
            memcmp(base + range.lowerBound, expected.baseAddress ?? base, range.count) == 0
        }
        return isWhole ? number : nil
    }

    /// Calls `body` with each piece's place and bytes, as long as it answers true.
    @discardableResult private static func pieces(_ number: UInt64, _ count: Int, _ body: (Range<Int>, UnsafeRawBufferPointer) -> Bool)
        -> Bool
    {
        pattern.withUnsafeBytes { pattern in
            stride(from: headerBytes, to: count, by: pieceBytes).enumerated().allSatisfy { piece, start in
                let range = start..<min(start + pieceBytes, count)
                let shift = shift(number: number, piece: piece)
                return body(range, UnsafeRawBufferPointer(rebasing: pattern[shift..<shift + range.count]))
            }
        }
    }
}
