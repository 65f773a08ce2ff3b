import FluxonTransfer

/// The frames of bulk transfers, whole and cut: a cut one asks for more and takes nothing. Over RDMA a message comes whole or is none.
///
/// The first byte chooses the frame, the second where the input is cut.
enum TransferFramesTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard input.count >= 2 else { return }
        let bytes = Array(input.dropFirst(2))
        switch input[0] % 5 {
        case 0: check(bytes, cut: Int(input[1]), decode: Greeting.decode) { $0.version == Frames.version ? $0.encoded() : nil }
        case 1: check(bytes, cut: Int(input[1]), decode: RangeRequest.decode) { $0.encoded() }
        case 2: check(bytes, cut: Int(input[1]), decode: ResponseHead.decode) { $0.encoded() }
        case 3: check(bytes, decode: RDMAAnswer.decode) { $0.encoded() }
        default: check(bytes, decode: DoneMessage.decode) { $0.encoded() }
        }
    }

    private static func check<Message: Equatable>(
        _ bytes: [UInt8], decode: ([UInt8]) throws(FrameError) -> Message?, encode: (Message) -> [UInt8]
    ) {
        guard let message = try? decode(bytes) else { return }
        precondition((try? decode(encode(message))) == message, "\(message) is not read back as what was written")
    }

    private static func check<Frame: Equatable>(
        _ bytes: [UInt8], cut: Int, decode: (inout ByteInput) throws(FrameError) -> Frame?, encode: (Frame) -> [UInt8]?
    ) {
        var whole = ByteInput(bytes)
        var part = ByteInput(bytes.prefix(cut))
        let early = try? decode(&part)
        guard let frame = try? decode(&whole) else { return }
        precondition(early == nil || early == frame, "a frame depends on where the bytes were cut")
        guard let written = encode(frame) else { return }
        var again = ByteInput(written)
        precondition((try? decode(&again)) == frame, "\(frame) is not read back as what was written")
    }
}
