import FluxonCore

/// Messages between a process and its owner. The lowest bit of the first byte chooses the direction.
enum LocalMessagesTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let mode = input.first else { return }
        let bytes = Array(input.dropFirst())
        if mode & 1 != 0 {
            RoundTrip.check(bytes, decode: LocalRequestFrame.init(decoding:)) { $0.encoded() }
        } else {
            RoundTrip.check(bytes, decode: LocalAnswerFrame.init(decoding:)) { $0.encoded() }
        }
    }
}
