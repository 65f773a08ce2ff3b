/// Writes protobuf's wire format, field by field. Numbers that are zero and bytes that are empty are left out, as proto3 does.
///
/// Field numbers are 1…15 for a tag of one byte; up to 2²⁹ − 1 are allowed.
package struct ProtobufWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reservingCapacity byteCount: Int = 0) {
        bytes.reserveCapacity(byteCount)
    }

    package mutating func unsigned(_ value: UInt64, field: Int) {
        guard value != 0 else { return }
        tag(field, .varint)
        appendVarint(value)
    }

    /// The chosen member of a `oneof`: written even when it is zero, since presence says which it is.
    package mutating func chosen(_ value: UInt64, field: Int) {
        tag(field, .varint)
        appendVarint(value)
    }

    package mutating func unsigned(_ value: UInt32, field: Int) { unsigned(UInt64(value), field: field) }

    package mutating func boolean(_ value: Bool, field: Int) { unsigned(value ? 1 as UInt64 : 0, field: field) }

    /// `sint64`: small magnitudes of either sign are short.
    package mutating func signed(_ value: Int64, field: Int) {
        unsigned(UInt64(bitPattern: (value << 1) ^ (value >> 63)), field: field)
    }

    /// `fixed64`: eight bytes, for values that are random (hashes, tickets).
    package mutating func fixed64(_ value: UInt64, field: Int) {
        guard value != 0 else { return }
        tag(field, .fixed64)
        for shift in stride(from: 0, to: UInt64(64), by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    package mutating func bytes(_ value: [UInt8], field: Int) {
        guard !value.isEmpty else { return }
        element(value, field: field)
    }

    /// - Parameter limit: The receiver's, in bytes. A longer text is cut: it would be refused, with the whole message.
    package mutating func string(_ value: String, limit: Int, field: Int) {
        guard !value.isEmpty else { return }
        let value = value.limited(to: limit)
        tag(field, .lengthDelimited)
        appendVarint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    /// One element of a `repeated bytes`: written even when it is empty.
    package mutating func element(_ value: [UInt8], field: Int) {
        tag(field, .lengthDelimited)
        appendVarint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// A nested message, written even when it is empty: presence says something.
    package mutating func message(field: Int, _ body: (inout ProtobufWriter) -> Void) {
        tag(field, .lengthDelimited)
        let lengthAt = bytes.count
        bytes.append(0)
        body(&self)
        let length = bytes.count - lengthAt - 1
        guard length >= 0x80 else {
            bytes[lengthAt] = UInt8(truncatingIfNeeded: length)
            return
        }
        // Most messages are short and leave their length where it is; a longer one moves once.
        var encoded: [UInt8] = []
        Self.appendVarint(UInt64(length), to: &encoded)
        bytes.replaceSubrange(lengthAt...lengthAt, with: encoded)
    }

    /// A packed `repeated uint64`; nothing when there is no element.
    ///
    /// - Parameter limit: The receiver's; what is beyond it is left out.
    package mutating func packed(_ values: some Collection<UInt64>, limit: Int, field: Int) {
        guard !values.isEmpty else { return }
        message(field: field) { writer in
            for value in values.prefix(limit) { writer.appendVarint(value) }
        }
    }

    /// A `repeated` message: as many elements as the receiver takes.
    package mutating func list<Element>(
        _ elements: some Sequence<Element>, limit: Int, field: Int, _ body: (Element, inout ProtobufWriter) -> Void
    ) {
        for element in elements.prefix(limit) { message(field: field) { body(element, &$0) } }
    }

    private mutating func tag(_ field: Int, _ type: WireType) {
        appendVarint(UInt64(field) << 3 | UInt64(type.rawValue))
    }

    private mutating func appendVarint(_ value: UInt64) {
        Self.appendVarint(value, to: &bytes)
    }

    private static func appendVarint(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    enum WireType: UInt8 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }
}
