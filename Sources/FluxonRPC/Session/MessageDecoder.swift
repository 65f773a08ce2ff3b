/// Cuts gRPC's length-prefixed messages out of the bytes of DATA frames.
///
/// A message that lies within one piece of bytes is copied once; a longer one grows in a buffer that is never more than four times what
/// has come: a length that is announced takes no memory. That copies a third of a long message once more.
struct MessageDecoder {
    enum Failure: Error, Hashable {
        case tooLong(byteCount: Int, limit: Int)
        case compressed(flag: UInt8)
    }

    private static let prefixBytes = 5
    /// The first room for a message that comes in parts.
    private static let firstBytes = 256 << 10
    private static let growth = 4

    /// The prefix so far, most significant byte first, and how many of its bytes there are.
    private var prefix: UInt64 = 0
    private var prefixCount = 0
    /// Length of the message whose prefix is complete.
    private var expected: Int?
    private var body: [UInt8] = []

    /// Bytes kept of a message that is not whole.
    var unfinishedBytes: Int { body.count }

    /// Whether a message has begun and not ended: an end of the stream now would cut it off.
    var isWithinMessage: Bool { prefixCount > 0 || expected != nil }

    /// The next complete message; takes its bytes off the front of `bytes`. Nil: all bytes are taken.
    mutating func next(_ bytes: inout UnsafeRawBufferPointer, limit: Int) throws(Failure) -> [UInt8]? {
        while true {
            guard let expected = try readPrefix(&bytes, limit: limit) else { return nil }
            let missing = expected - body.count
            if body.isEmpty, bytes.count >= missing {
                let message = [UInt8](bytes.prefix(missing))
                bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(missing))
                finish()
                return message
            }
            guard !bytes.isEmpty else { return nil }
            let taken = min(missing, bytes.count)
            if body.capacity < body.count + taken {
                body.reserveCapacity(min(expected, max(Self.firstBytes, (body.count + taken) * Self.growth)))
            }
            body.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes.prefix(taken)))
            bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(taken))
            if body.count == expected {
                var message: [UInt8] = []
                swap(&message, &body)
                finish()
                return message
            }
        }
    }

    private mutating func finish() {
        expected = nil
        prefix = 0
        prefixCount = 0
    }

    private mutating func readPrefix(_ bytes: inout UnsafeRawBufferPointer, limit: Int) throws(Failure) -> Int? {
        if let expected { return expected }
        let taken = min(Self.prefixBytes - prefixCount, bytes.count)
        for byte in bytes.prefix(taken) { prefix = prefix << 8 | UInt64(byte) }
        prefixCount += taken
        bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(taken))
        guard prefixCount == Self.prefixBytes else { return nil }
        let flag = UInt8(truncatingIfNeeded: prefix >> 32)
        guard flag == 0 else { throw .compressed(flag: flag) }
        let length = Int(prefix & 0xffff_ffff)
        guard length <= limit else { throw .tooLong(byteCount: length, limit: limit) }
        expected = length
        return length
    }
}
