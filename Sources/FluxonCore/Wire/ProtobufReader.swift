/// Reads protobuf's wire format from bytes that nobody vouches for. Nothing in here traps or allocates more than the input is long.
///
///     var reader = ProtobufReader(bytes)
///     while let field = try reader.next() {
///         switch field {
///         case 1: size = try reader.unsigned()
///         default: try reader.skip()          // unknown fields are a newer peer's
///         }
///     }
package struct ProtobufReader: Sendable {
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int
    private var field = 0
    private var type = ProtobufWriter.WireType.varint

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = 0
        end = bytes.count
    }

    private init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// Bytes of this message that were not read yet.
    package var remaining: Int { end - position }

    /// The number of the next field, or nil at the end of the message. Its value must be read or skipped before the next call.
    package mutating func next() throws(ProtobufError) -> Int? {
        guard position < end else { return nil }
        let tag = try varint()
        guard let number = Int(exactly: tag >> 3), number > 0, number < 1 << 29,
            let type = ProtobufWriter.WireType(rawValue: UInt8(tag & 7))
        else { throw .malformedTag(tag) }
        field = number
        self.type = type
        return number
    }

    package mutating func unsigned() throws(ProtobufError) -> UInt64 {
        try expect(.varint)
        return try varint()
    }

    package mutating func unsigned32() throws(ProtobufError) -> UInt32 {
        guard let value = UInt32(exactly: try unsigned()) else { throw .varintOverflow }
        return value
    }

    /// An unsigned number that fits `Int`: sizes and counts.
    package mutating func count() throws(ProtobufError) -> Int {
        guard let value = Int(exactly: try unsigned()) else { throw .varintOverflow }
        return value
    }

    package mutating func boolean() throws(ProtobufError) -> Bool { try unsigned() != 0 }

    /// `sint64`.
    package mutating func signed() throws(ProtobufError) -> Int64 {
        let value = try unsigned()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    package mutating func fixed64() throws(ProtobufError) -> UInt64 {
        try expect(.fixed64)
        guard remaining >= 8 else { throw .truncated }
        var value: UInt64 = 0
        for offset in 0..<8 { value |= UInt64(bytes[position + offset]) << UInt64(8 * offset) }
        position += 8
        return value
    }

    package mutating func bytes(limit: Int) throws(ProtobufError) -> [UInt8] {
        let range = try delimited(limit: limit)
        return Array(bytes[range])
    }

    /// - Throws: `.invalidField` when the bytes are not UTF-8.
    package mutating func string(limit: Int) throws(ProtobufError) -> String {
        let range = try delimited(limit: limit)
        guard let text = String(validating: bytes[range], as: UTF8.self) else { throw .invalidField(field) }
        return text
    }

    /// A reader over the nested message; this one stands behind it.
    package mutating func message() throws(ProtobufError) -> ProtobufReader {
        ProtobufReader(bytes, try delimited(limit: .max))
    }

    /// A `repeated uint64`, packed or one by one; call it for every occurrence of the field.
    package mutating func appendPacked(to values: inout [UInt64], limit: Int) throws(ProtobufError) {
        guard type == .lengthDelimited else {
            guard values.count < limit else { throw .tooMany(field: field, limit: limit) }
            values.append(try unsigned())
            return
        }
        var nested = try message()
        while nested.remaining > 0 {
            guard values.count < limit else { throw .tooMany(field: field, limit: limit) }
            values.append(try nested.varint())
        }
    }

    /// Passes over the value of the current field.
    package mutating func skip() throws(ProtobufError) {
        switch type {
        case .varint: _ = try varint()
        case .fixed64: try advance(8)
        case .fixed32: try advance(4)
        case .lengthDelimited: _ = try delimited(limit: .max)
        }
    }

    private mutating func advance(_ byteCount: Int) throws(ProtobufError) {
        guard remaining >= byteCount else { throw .truncated }
        position += byteCount
    }

    private func expect(_ expected: ProtobufWriter.WireType) throws(ProtobufError) {
        guard type == expected else { throw .unexpectedWireType(field: field) }
    }

    private mutating func delimited(limit: Int) throws(ProtobufError) -> Range<Int> {
        try expect(.lengthDelimited)
        let length = try varint()
        guard length <= UInt64(remaining) else { throw .truncated }
        let byteCount = Int(length)
        guard byteCount <= limit else { throw .tooLong(field: field, byteCount: byteCount, limit: limit) }
        let range = position..<position + byteCount
        position = range.upperBound
        return range
    }

    private mutating func varint() throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < end else { throw .truncated }
            let byte = bytes[position]
            position += 1
            // The tenth byte holds one bit.
            guard shift < 63 || byte <= 1 else { throw .varintOverflow }
            value |= UInt64(byte & 0x7F) << shift
            guard byte & 0x80 != 0 else { return value }
            shift += 7
        }
    }
}
