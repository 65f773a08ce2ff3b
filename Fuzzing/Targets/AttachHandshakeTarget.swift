import FluxonCore

/// The handshake by which a process attaches. The lowest bit of the first byte chooses the direction.
enum AttachHandshakeTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let mode = input.first else { return }
        let bytes = Array(input.dropFirst())
        if let announced = try? AttachRequest.announcedByteCount(of: Array(bytes.prefix(AttachRequest.prefixByteCount))) {
            precondition((AttachRequest.prefixByteCount...AttachRequest.byteCountLimit).contains(announced), "\(announced) bytes announced")
        }
        if mode & 1 != 0 {
            RoundTrip.check(bytes, decode: AttachRequest.init(decoding:)) { $0.encoded() }
        } else {
            RoundTrip.check(bytes, decode: AttachAnswer.init(decoding:)) { $0.encoded() }
        }
    }
}
