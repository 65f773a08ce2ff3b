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

    /// All bytes at once: the array's own way feeds them one by one, which was a fifth of a master's time.
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
