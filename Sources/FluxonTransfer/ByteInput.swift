/// Reads little-endian numbers from bytes that nobody has checked; runs out instead of trapping.
package struct ByteInput: Sendable {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: ArraySlice<UInt8>) { rest = bytes }
    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    package var count: Int { rest.count }

    package mutating func next<Number: FixedWidthInteger>(as type: Number.Type = Number.self) -> Number? {
        guard let bytes = next(count: Number.bitWidth / 8) else { return nil }
        return bytes.reversed().reduce(0) { ($0 << 8) | Number(truncatingIfNeeded: $1) }
    }

    package mutating func next(count: Int) -> ArraySlice<UInt8>? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}

extension [UInt8] {
    package mutating func append(littleEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}
