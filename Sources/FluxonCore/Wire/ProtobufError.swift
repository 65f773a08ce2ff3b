/// Why foreign bytes are not the message that they should be.
package enum ProtobufError: Error, Equatable {
    /// The bytes end inside a field.
    case truncated
    /// A varint of more than ten bytes, or one that does not fit its type.
    case varintOverflow
    /// Field number 0, a group, or a wire type that does not exist.
    case malformedTag(UInt64)
    /// The field is there, encoded as another kind.
    case unexpectedWireType(field: Int)
    /// A field or message is longer than its limit.
    case tooLong(field: Int, byteCount: Int, limit: Int)
    /// More elements than the receiver is willing to keep.
    case tooMany(field: Int, limit: Int)
    /// A required field is missing, or its value is outside its range.
    case invalidField(Int)
}
