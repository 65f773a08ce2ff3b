/// Reads an input as a list of decisions, so that libFuzzer's small changes are small changes of what happens. Zeros follow its end.
struct ByteScript {
    private let bytes: UnsafeRawBufferPointer
    private var next = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isOver: Bool { next >= bytes.count }

    mutating func byte() -> UInt8 {
        guard !isOver else { return 0 }
        defer { next += 1 }
        return bytes[next]
    }

    mutating func chance() -> Bool { byte() & 1 != 0 }

    /// From 0 up to `limit`, which is at most 256 and left out.
    mutating func below(_ limit: Int) -> Int { Int(byte()) % limit }

    /// Small as a rule; three leading bytes stand for what lies at the other end.
    mutating func number() -> UInt64 {
        let first = byte()
        switch first {
        case 255: return .max
        case 254: return (0..<8).reduce(0) { number, _ in number << 8 | UInt64(byte()) }
        case 253: return .max - UInt64(byte())
        default: return UInt64(first)
        }
    }

    /// Of memory: bytes, pages, or more than there is.
    mutating func size() -> UInt64 {
        let number = number()
        return chance() ? number : number &* 4096
    }

    /// As many bytes as the next one says, or as are left.
    mutating func block() -> [UInt8] {
        let end = min(next + Int(byte()) + 1, bytes.count)
        guard next < end else { return [] }
        defer { next = end }
        return Array(bytes[next..<end])
    }
}
