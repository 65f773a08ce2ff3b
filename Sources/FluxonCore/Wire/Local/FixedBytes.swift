/// Little-endian numbers and short texts at fixed places, for the handshake that goes before any codec. Reading beyond the end gives
/// zero or nothing: the bytes come from a peer.
package struct FixedBytes {
    package private(set) var bytes: [UInt8]

    /// Zeroes only.
    package init(count: Int) { bytes = [UInt8](repeating: 0, count: count) }
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package mutating func store<T: FixedWidthInteger & UnsignedInteger>(_ value: T, at offset: Int) {
        for index in 0..<T.bitWidth / 8 where bytes.indices.contains(offset + index) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(8 * index))
        }
    }

    package func load<T: FixedWidthInteger & UnsignedInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
        var value: T = 0
        for index in 0..<T.bitWidth / 8 where bytes.indices.contains(offset + index) {
            value |= T(bytes[offset + index]) << T(8 * index)
        }
        return value
    }

    /// Writes a length of two bytes and as much of `text` as `capacity` bytes hold, cut between characters.
    package mutating func store(_ text: String, at offset: Int, capacity: Int) {
        let kept = Array(text.limited(to: capacity).utf8)
        store(UInt16(truncatingIfNeeded: kept.count), at: offset)
        for (index, byte) in kept.enumerated() where bytes.indices.contains(offset + 2 + index) { bytes[offset + 2 + index] = byte }
    }

    /// The text at `offset`, or nil when its length exceeds `capacity` or the bytes, or it is not UTF-8.
    package func text(_ offset: Int, capacity: Int) -> String? {
        let count = Int(load(offset, as: UInt16.self))
        guard count <= capacity, offset >= 0, offset + 2 + count <= bytes.count else { return nil }
        return String(validating: bytes[offset + 2..<offset + 2 + count], as: UTF8.self)
    }
}
