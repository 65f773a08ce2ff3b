internal import Glibc

/// The name of this machine, for people.
package enum HostName {
    /// As `hostname` prints it; "unknown" where the kernel gives none.
    package static var current: String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let result = bytes.withUnsafeMutableBytes { buffer in
            // SAFETY: gethostname writes at most the buffer's size; the last byte stays zero.
            buffer.baseAddress.map { gethostname($0.assumingMemoryBound(to: CChar.self), buffer.count - 1) } ?? -1
        }
        guard result == 0 else { return "unknown" }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
