import FluxonRPC

/// Length-prefixed messages, cut anywhere, and the small texts of gRPC's header fields.
enum RPCMessagesTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let step = input.first else { return }
        let bytes = Array(input.dropFirst())
        let whole = RPCSessionProbe.decodeMessages(bytes, pieces: bytes.count + 1)
        let cut = RPCSessionProbe.decodeMessages(bytes, pieces: Int(step % 17) + 1)
        precondition(whole == cut, "messages depend on how the bytes were cut")
        RPCSessionProbe.decodeTexts(bytes)
    }
}
