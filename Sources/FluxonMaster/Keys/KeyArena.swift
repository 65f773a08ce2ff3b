import FluxonCore

/// The bytes of many keys without an object for each: by length in words of eight bytes, in blocks, each place used again once it is free.
struct KeyArena: Sendable {
    /// Where a key lies; its length says the rest.
    struct Place: Hashable, Sendable {
        let number: UInt32
        let byteCount: UInt16
    }

    /// All keys of so many words.
    private struct Shelf: Sendable {
        var blocks: [[UInt64]] = []
        var used: UInt32 = 0
        var free = NumberStack()
    }

    private static let blockWords = 2048
    private var shelves = [Shelf](repeating: Shelf(), count: words(of: Limits.keyBytes) + 1)

    private static func words(of byteCount: Int) -> Int { (byteCount + 7) / 8 }
    private static func keysPerBlock(_ words: Int) -> Int { blockWords / words }

    mutating func add(_ key: Key) -> Place {
        let bytes = key.bytes.span.bytes
        let words = Self.words(of: bytes.byteCount)
        let number = shelves[words].free.pop() ?? takeNew(words)
        let (block, offset) = Self.position(number, words)
        for index in 0..<words { shelves[words].blocks[block][offset + index] = bytes.word(index) }
        return Place(number: number, byteCount: UInt16(bytes.byteCount))
    }

    private mutating func takeNew(_ words: Int) -> UInt32 {
        let number = shelves[words].used
        shelves[words].used = number + 1
        if Int(number) % Self.keysPerBlock(words) == 0 {
            shelves[words].blocks.append([UInt64](repeating: 0, count: Self.keysPerBlock(words) * words))
        }
        return number
    }

    mutating func remove(_ place: Place) { shelves[Self.words(of: Int(place.byteCount))].free.push(place.number) }

    func equals(_ place: Place, _ key: Key) -> Bool {
        let bytes = key.bytes.span.bytes
        guard Int(place.byteCount) == bytes.byteCount else { return false }
        let words = Self.words(of: bytes.byteCount)
        let (block, offset) = Self.position(place.number, words)
        for index in 0..<words {
            guard shelves[words].blocks[block][offset + index] == bytes.word(index) else { return false }
        }
        return true
    }

    func bytes(_ place: Place) -> [UInt8] {
        let byteCount = Int(place.byteCount)
        let words = Self.words(of: byteCount)
        let (block, offset) = Self.position(place.number, words)
        return (0..<byteCount).map { index in
            UInt8(truncatingIfNeeded: shelves[words].blocks[block][offset + index / 8] >> UInt64(index % 8 * 8))
        }
    }

    private static func position(_ number: UInt32, _ words: Int) -> (block: Int, offset: Int) {
        let (block, index) = Int(number).quotientAndRemainder(dividingBy: keysPerBlock(words))
        return (block, index * words)
    }
}

extension RawSpan {
    /// Eight bytes, the first one lowest; past the end zeros.
    fileprivate func word(_ index: Int) -> UInt64 {
        let start = index * 8
        if start + 8 <= byteCount { return UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self)) }
        var word: UInt64 = 0
        for offset in start..<byteCount {
            word |= UInt64(unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)) << UInt64((offset - start) * 8)
        }
        return word
    }
}
