/// A stack of numbers in blocks: it grows and shrinks without moving what it holds, which takes milliseconds for millions of them.
struct NumberStack: Sendable {
    private var blocks: [[UInt32]] = []
    private static let blockCount = 4096

    mutating func push(_ number: UInt32) {
        if blocks.last.map({ $0.count == Self.blockCount }) ?? true {
            blocks.append([])
            // The first one grows: a stack of few is small.
            if blocks.count > 1 { blocks[blocks.count - 1].reserveCapacity(Self.blockCount) }
        }
        blocks[blocks.count - 1].append(number)
    }

    mutating func pop() -> UInt32? {
        guard !blocks.isEmpty else { return nil }
        let number = blocks[blocks.count - 1].popLast()
        if blocks[blocks.count - 1].isEmpty { blocks.removeLast() }
        return number
    }
}
