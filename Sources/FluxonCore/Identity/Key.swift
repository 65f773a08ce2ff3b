/// The name of a value: 1 to 1 024 arbitrary bytes. A Swift `String` stands for its UTF-8.
package struct Key: Hashable, Sendable {
    package let bytes: [UInt8]

    /// - Throws: `.empty` or `.tooLong` with the length that was given.
    package init(_ bytes: [UInt8]) throws(KeyError) {
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= Limits.keyBytes else { throw .tooLong(byteCount: bytes.count, limit: Limits.keyBytes) }
        self.bytes = bytes
    }

    package init(_ string: String) throws(KeyError) {
        try self.init(Array(string.utf8))
    }

    /// Eight bytes at a time, here and in the hash all at once: the array's own ways take them one by one, which was a third of the time
    /// that a master needs for an owner's report.
    package static func == (left: Key, right: Key) -> Bool {
        let (left, right) = (left.bytes.span.bytes, right.bytes.span.bytes)
        guard left.byteCount == right.byteCount else { return false }
        // Most keys that meet share one array.
        guard !left.isIdentical(to: right) else { return true }
        var offset = 0
        while offset + 8 <= left.byteCount {
            guard left.word(at: offset) == right.word(at: offset) else { return false }
            offset += 8
        }
        while offset < left.byteCount {
            guard left.byte(at: offset) == right.byte(at: offset) else { return false }
            offset += 1
        }
        return true
    }

    package func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

package enum KeyError: Error, Equatable {
    case empty
    case tooLong(byteCount: Int, limit: Int)
}

extension Key: CustomStringConvertible {
    /// The key as text where it is UTF-8, else its bytes in hexadecimal.
    package var description: String {
        String(validating: bytes, as: UTF8.self) ?? "0x"
            + bytes.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
    }
}

extension RawSpan {
    fileprivate func word(at offset: Int) -> UInt64 { unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    fileprivate func byte(at offset: Int) -> UInt8 { unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self) }
}
