import FluxonSeededRandom

/// The keys of a run have names, which its histories and logs show. Most are their name's text; those called `odd-…` are bytes of no
/// meaning and of all lengths.
package enum TestKey {
    /// Each once, so that no two names are one key: around every length at which something changes, and the longest.
    package static let oddLengths = [1, 2, 7, 8, 9, 20, 63, 64, 65, 72, 73, 127, 255, 256, 257, 500, 511, 513, 1000, 1023, 1024]

    package static func oddName(_ index: Int) -> String { "odd-\(oddLengths[index % oddLengths.count])" }

    package static func bytes(_ name: String) -> [UInt8] {
        guard name.hasPrefix("odd-"), let length = Int(name.dropFirst(4)) else { return Array(name.utf8) }
        var random = SeededRandom(seed: UInt64(length))
        // Of one and two bytes, those that are the worst as text.
        if length < 3 { return Array([0xFF, 0][..<length]) }
        return (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
}
