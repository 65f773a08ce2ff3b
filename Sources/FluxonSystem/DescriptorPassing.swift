internal import CLinux
internal import Glibc

/// Descriptors over Unix sockets (SCM_RIGHTS), at most 16 in one go.
extension Socket {
    package static let descriptorsPerMessage = 16

    /// Sends bytes (at least one) with descriptors beside the first of them. The numbers stay open here.
    package static func sendDescriptors(_ descriptor: CInt, _ numbers: [CInt], with bytes: [UInt8]) throws(SystemError) -> Transfer {
        let result = bytes.withUnsafeBytes { bytes in
            cfluxon_send_descriptors(descriptor, bytes.baseAddress, bytes.count, numbers, CInt(clamping: numbers.count))
        }
        if result == -Int(EAGAIN) { return .wouldBlock }
        return .moved(try checked(result, "send \(numbers.count) descriptors"))
    }

    /// Receives up to `byteCount` bytes and the descriptors beside them; nil when nothing waits. Empty bytes: the peer closed.
    ///
    /// A message with more descriptors than fit is refused, and all of its descriptors are closed.
    package static func receiveDescriptors(_ descriptor: CInt, byteCount: Int) throws(SystemError) -> ReceivedDescriptors? {
        var numbers = [CInt](repeating: -1, count: descriptorsPerMessage)
        var received: CInt = 0
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: max(byteCount, 1)) { buffer, count in
            result = cfluxon_receive_descriptors(
                descriptor, buffer.baseAddress, max(byteCount, 1), &numbers, CInt(descriptorsPerMessage), &received)
            count = max(result, 0)
        }
        if result == -Int(EAGAIN) { return nil }
        _ = try checked(result, "receive descriptors")
        return ReceivedDescriptors(bytes: bytes, numbers: Array(numbers.prefix(Int(received))))
    }
}

/// Bytes and the descriptors that came beside them. What is not taken is closed.
package final class ReceivedDescriptors {
    package let bytes: [UInt8]
    private var numbers: [CInt]

    init(bytes: [UInt8], numbers: [CInt]) {
        self.bytes = bytes
        self.numbers = numbers
    }

    deinit { for number in numbers { _ = cfluxon_close(number) } }

    package var count: Int { numbers.count }

    /// Those that were not taken, borrowed: to pass them on while this object lives.
    package var borrowed: [CInt] { numbers }

    /// Takes the first descriptor that is left, nil when all are taken.
    package func takeFirst() -> Descriptor? {
        numbers.isEmpty ? nil : Descriptor(owning: numbers.removeFirst())
    }
}
