import FluxonCore

/// The messages of one RDMA connection, little endian: greeting, then requests from the asker, an answer from the source to each, in order,
/// and the asker's word when it has read what it wanted. `Greeting`, `RangeRequest` and `ResponseHead` are those of TCP.
///
///     asker                                   source
///     Greeting, RangeRequest ──SEND──▶        redeems the ticket
///            ◀──SEND── ResponseHead + the bytes themselves (small), or where they lie
///     ═══ RDMA READ ═══                       (takes no part)
///     Done ──SEND──▶                          lets go of the bytes
enum RDMAFrames {
    /// Longest message but an answer that carries bytes.
    static let messageBytes = 576
    /// Head of an answer, before its bytes or segments.
    static let answerBytes = Frames.responseBytes + 8
    static let segmentBytes = 24
    /// Segments that an answer has room for. One is the rule: there are more where a device took the pool in chunks only.
    static let segmentLimit = (messageBytes - answerBytes) / segmentBytes

    static let doneMagic: UInt32 = 0x4e44_5846  // FXDN
    static let probeMagic: UInt32 = 0x4250_5846  // FXPB
}

/// Where bytes of a value lie in the source's memory.
package struct RemoteSegment: Hashable {
    package let address: UInt64
    package let byteCount: UInt64
    package let key: UInt32
}

/// What a source says to a request.
package struct RDMAAnswer: Hashable {
    package enum Place: Hashable {
        /// They follow this head.
        case here
        case segments([RemoteSegment])
    }

    package let head: ResponseHead
    package let place: Place

    package init(_ head: ResponseHead, _ place: Place = .here) {
        self.head = head
        self.place = place
    }

    package func encoded() -> [UInt8] { [UInt8](byteLimit: RDMAFrames.messageBytes) { write(to: &$0) } }

    func write(to output: inout OutputRawSpan) {
        head.write(to: &output)
        guard case .segments(let segments) = place else { return output.append(littleEndian: UInt64(0)) }
        output.append(littleEndian: UInt32(segments.count))
        output.append(littleEndian: UInt32(0))
        for segment in segments {
            output.append(littleEndian: segment.address)
            output.append(littleEndian: segment.byteCount)
            output.append(littleEndian: UInt64(segment.key))
        }
    }

    /// Nil for a message that is cut off. `bytes` may go on with the value's.
    package static func decode(_ bytes: [UInt8]) throws(FrameError) -> RDMAAnswer? {
        var input = ByteInput(bytes)
        guard let head = try ResponseHead.decode(&input), let count: UInt32 = input.next(), let reserved: UInt32 = input.next() else {
            return nil
        }
        guard reserved == 0, count <= RDMAFrames.segmentLimit else { throw .reservedBits }
        guard count > 0 else { return RDMAAnswer(head) }
        var segments: [RemoteSegment] = []
        var total: UInt64 = 0
        for _ in 0..<count {
            guard let address: UInt64 = input.next(), let byteCount: UInt64 = input.next(), let key: UInt64 = input.next() else {
                return nil
            }
            let (sum, overflow) = total.addingReportingOverflow(byteCount)
            guard !overflow, byteCount > 0, !address.addingReportingOverflow(byteCount).overflow, let key = UInt32(exactly: key) else {
                throw .rangeTooLong
            }
            total = sum
            segments.append(RemoteSegment(address: address, byteCount: byteCount, key: key))
        }
        guard total == head.length else { throw .rangeTooLong }
        return RDMAAnswer(head, .segments(segments))
    }
}

/// The asker reads nothing more under this ticket.
package struct DoneMessage: Hashable {
    package let ticket: Ticket

    package func encoded() -> [UInt8] { [UInt8](byteLimit: RDMAFrames.messageBytes) { write(to: &$0) } }

    func write(to output: inout OutputRawSpan) {
        output.append(littleEndian: RDMAFrames.doneMagic)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: ticket.high)
        output.append(littleEndian: ticket.low)
    }

    /// Nil for a message that is cut off.
    package static func decode(_ bytes: [UInt8]) throws(FrameError) -> DoneMessage? {
        var input = ByteInput(bytes)
        guard let magic: UInt32 = input.next(), let reserved: UInt32 = input.next() else { return nil }
        guard magic == RDMAFrames.doneMagic else { throw .wrongMagic(magic) }
        guard reserved == 0 else { throw .reservedBits }
        guard let high: UInt64 = input.next(), let low: UInt64 = input.next() else { return nil }
        return DoneMessage(ticket: Ticket(high: high, low: low))
    }
}
