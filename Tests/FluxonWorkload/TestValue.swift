package import Fluxon
import Glibc

/// Bytes that name themselves: a number that is written once in a run, in every eight bytes.
package enum TestValue {
    /// - Parameter count: A multiple of 8.
    package static func bytes(number: UInt64, count: Int) -> [UInt8] {
        [UInt64](repeating: number, count: count / 8).withUnsafeBytes { Array($0) }
    }

    /// The number of a whole, unmixed value; nil for anything else.
    package static func number(of value: Value) -> UInt64? {
        value.withBytes { bytes in
            guard bytes.byteCount >= 8, bytes.byteCount % 8 == 0 else { return nil }
            return bytes.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress else { return nil }
                // Equal to itself eight bytes further on: all words are the first one.
                guard memcmp(base, base + 8, bytes.count - 8) == 0 else { return nil }
                return bytes.loadUnaligned(as: UInt64.self)
            }
        }
    }
}
