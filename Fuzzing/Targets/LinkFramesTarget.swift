import FluxonCore

/// Frames of the link between owner and master, in both directions, and the numbering that they run through.
///
/// The first byte chooses: bit 0 the direction, bit 1 one frame instead of many. Many frames have their lengths before them, two bytes each.
enum LinkFramesTarget {
    private typealias OwnerFrame = LinkFrame<OwnerMessage, OwnerControl>
    private typealias MasterFrame = LinkFrame<MasterMessage, MasterControl>

    static func run(_ input: UnsafeRawBufferPointer) {
        guard let mode = input.first else { return }
        let bytes = Array(input.dropFirst())
        let frames = mode & 2 != 0 ? [bytes] : pieces(of: bytes)
        if mode & 1 != 0 {
            for frame in frames { RoundTrip.check(frame, decode: OwnerFrame.init(decoding:)) { $0.encoded() } }
            number(frames.compactMap { try? OwnerFrame(decoding: $0) })
        } else {
            for frame in frames { RoundTrip.check(frame, decode: MasterFrame.init(decoding:)) { $0.encoded() } }
            number(frames.compactMap { try? MasterFrame(decoding: $0) })
        }
    }

    private static func pieces(of bytes: [UInt8]) -> [[UInt8]] {
        var rest = bytes[...]
        var frames: [[UInt8]] = []
        while rest.count >= 2 {
            let count = Int(rest[rest.startIndex]) | Int(rest[rest.startIndex + 1]) << 8
            rest = rest.dropFirst(2)
            frames.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return frames
    }

    /// The endpoint that takes the frames has sent three messages of its own. A frame's messages are counted once, whatever the peer says.
    private static func number<Message, Control>(_ frames: [LinkFrame<Message, Control>]) {
        var endpoint = LinkEndpoint<Int>(limit: 8)
        for message in 0..<3 { endpoint.enqueue(message) }
        let _: LinkFrame<Int, Control>? = endpoint.takeFrame(term: 1, session: 1, maximumMessages: 2)
        for frame in frames {
            let before = endpoint.received
            do throws(LinkEndpoint<Int>.Violation) {
                try endpoint.acknowledge(frame.acknowledged)
                let repeated = try endpoint.accept(first: frame.first, count: frame.messages.count)
                let fresh = frame.messages.count - repeated
                precondition(fresh >= 0 && endpoint.received == before + UInt64(fresh), "a message was counted twice")
            } catch {
                precondition(endpoint.received == before, "a refused frame was counted")
                return
            }
            let answer: LinkFrame<Int, Control>? = endpoint.takeFrame(term: 1, session: 1, maximumMessages: 2)
            precondition((answer?.acknowledged ?? endpoint.received) == endpoint.received, "an acknowledgement of what never came")
        }
    }
}
