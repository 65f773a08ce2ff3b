import FluxonCore
import Testing

@testable import FluxonTransfer

@Suite struct RDMAFramesTests {
    static let segments = [RemoteSegment(address: 1 << 40, byteCount: 70, key: 9), RemoteSegment(address: 5, byteCount: 30, key: .max)]

    @Test(
        "what is written is read back",
        arguments: [
            RDMAAnswer(ResponseHead(status: .ok, length: 100), .segments(segments)), RDMAAnswer(ResponseHead(status: .ok, length: 4096)),
            RDMAAnswer(ResponseHead(status: .ok, length: 0)), RDMAAnswer(ResponseHead(status: .notRegistered)),
        ])
    func answers(answer: RDMAAnswer) throws {
        let bytes = answer.encoded()
        #expect(bytes.count <= RDMAFrames.messageBytes)
        #expect(try RDMAAnswer.decode(bytes) == answer)
        #expect(try RDMAAnswer.decode(bytes + [1, 2, 3]) == answer, "a value's bytes may follow")
        for count in 0..<bytes.count { #expect(try RDMAAnswer.decode(Array(bytes.prefix(count))) == nil) }
    }

    @Test("the longest answer fits a message")
    func longest() throws {
        let all = [RemoteSegment](repeating: RemoteSegment(address: 1, byteCount: 2, key: 3), count: RDMAFrames.segmentLimit)
        let answer = RDMAAnswer(ResponseHead(status: .ok, length: UInt64(2 * all.count)), .segments(all))
        #expect(answer.encoded().count <= RDMAFrames.messageBytes)
        #expect(try RDMAAnswer.decode(answer.encoded()) == answer)
    }

    @Test("segments that do not add up, overflow or are empty are refused, whatever they claim")
    func hostile() {
        func encoded(_ segments: [RemoteSegment], length: UInt64) -> [UInt8] {
            RDMAAnswer(ResponseHead(status: .ok, length: length), .segments(segments)).encoded()
        }
        let hostile = [
            encoded(Self.segments, length: 99), encoded([RemoteSegment(address: 1, byteCount: 0, key: 1)], length: 0),
            encoded([RemoteSegment(address: .max, byteCount: 2, key: 1)], length: 2),
            encoded(
                [RemoteSegment(address: 0, byteCount: .max, key: 1), RemoteSegment(address: 0, byteCount: 2, key: 1)], length: 1),
        ]
        for bytes in hostile { #expect(throws: FrameError.self) { try RDMAAnswer.decode(bytes) } }
        var tooMany = ResponseHead(status: .ok, length: 1).encoded()
        tooMany.append(littleEndian: UInt32.max)
        tooMany.append(littleEndian: UInt32(0))
        #expect(throws: FrameError.self) { try RDMAAnswer.decode(tooMany) }
    }

    @Test("an asker's last word is read back, and nothing else is taken for it")
    func done() throws {
        let message = DoneMessage(ticket: Ticket(high: 1, low: .max))
        #expect(try DoneMessage.decode(message.encoded()) == message)
        for count in 0..<message.encoded().count { #expect(try DoneMessage.decode(Array(message.encoded().prefix(count))) == nil) }
        let request = RangeRequest(
            ticket: Ticket(high: 1, low: 2), version: Version(term: 1, sequence: 1), range: 0..<5, chunkBytes: 65536)
        #expect(throws: FrameError.self) { try DoneMessage.decode(request.encoded()) }
    }
}
