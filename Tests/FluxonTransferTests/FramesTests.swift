import FluxonCore
import Testing

@testable import FluxonTransfer

@Suite struct FramesTests {
    static let asker = Asker(instance: InstanceKey("owner-b"), generation: Generation(3))
    static let greeting = Greeting(cluster: "training", asker: asker)
    static let request = RangeRequest(
        ticket: Ticket(high: .max, low: 5), version: Version(term: 1, sequence: 2), range: 4096..<1_000_000, chunkBytes: 131_072)

    @Test("a frame comes back as it was, and needs every one of its bytes")
    func roundTrip() throws {
        let bytes = Self.greeting.encoded() + Self.request.encoded() + ResponseHead(status: .ok, length: 77).encoded()
        var input = ByteInput(bytes)
        #expect(try Greeting.decode(&input) == Self.greeting)
        #expect(try RangeRequest.decode(&input) == Self.request)
        #expect(try ResponseHead.decode(&input) == ResponseHead(status: .ok, length: 77))
        #expect(input.count == 0)
        for frame in [Self.greeting.encoded(), Self.request.encoded(), ResponseHead(status: .gone).encoded()] {
            for cut in 0..<frame.count {
                var short = ByteInput(frame[..<cut])
                switch frame[2] {
                case UInt8(ascii: "T"): #expect(try Greeting.decode(&short) == nil)
                case UInt8(ascii: "R") where frame[3] == UInt8(ascii: "Q"): #expect(try RangeRequest.decode(&short) == nil)
                default: #expect(try ResponseHead.decode(&short) == nil)
                }
                #expect(short.count == cut, "nothing is consumed")
            }
        }
    }

    @Test("frames that nobody may send are refused by name")
    func refused() {
        func greeting(_ change: (inout [UInt8]) -> Void) -> FrameError? {
            var bytes = Self.greeting.encoded()
            change(&bytes)
            return #expect(throws: FrameError.self) {
                var input = ByteInput(bytes)
                _ = try Greeting.decode(&input)
            }
        }
        func request(_ change: (inout [UInt8]) -> Void) -> FrameError? {
            var bytes = Self.request.encoded()
            change(&bytes)
            return #expect(throws: FrameError.self) {
                var input = ByteInput(bytes)
                _ = try RangeRequest.decode(&input)
            }
        }
        #expect(greeting { $0[0] = 0x50 } == .wrongMagic(0x3154_5850))
        #expect(greeting { $0[7] = 1 } == .nameTooLong(byteCount: 264))
        #expect(greeting { $0[12] = 1 } == .reservedBits)
        #expect(greeting { $0[24] = 0xff } == .nameNotText)
        #expect(request { $0[3] = 0 } == .wrongMagic(0x0052_5846))
        #expect(
            request {
                $0[5] = 0; $0[6] = 0
            } == .chunkOutOfRange(0))
        #expect(request { $0[4] = 1 } == .chunkOutOfRange(131_073))
        #expect(request { $0[55] = 0xff } == .rangeTooLong)
        #expect(
            request {
                $0[47] = 0xff; $0[55] = 0xff
            } == .rangeTooLong)
    }

    @Test("random bytes never trap a decoder")
    func garbage() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            var bytes = (0..<Int.random(in: 0...80, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let magics = [Self.greeting.encoded(), Self.request.encoded(), ResponseHead(status: .ok).encoded()]
            if let magic = magics.randomElement(), bytes.count > 4 { bytes.replaceSubrange(0..<4, with: magic[..<4]) }
            for decode in [
                { (input: inout ByteInput) in _ = try Greeting.decode(&input) }, { _ = try RangeRequest.decode(&$0) },
                { _ = try ResponseHead.decode(&$0) },
            ] {
                var input = ByteInput(bytes)
                try? decode(&input)
            }
        }
    }

    @Test("a response is walked from any byte to its end without a gap", arguments: [0, 1, 63, 64, 65, 128, 1_000])
    func layout(length: Int) {
        let layout = ResponseLayout(length: length, chunkBytes: 64)
        for start in 0...layout.totalBytes {
            var position = start
            var payload = 0
            while let segment = layout.segment(at: position) {
                #expect(segment.count > 0)
                if case .payload(let range, let chunk) = segment {
                    payload += range.count
                    #expect(layout.payload(of: chunk).contains(range.lowerBound))
                }
                position += segment.count
            }
            #expect(position == layout.totalBytes)
            if start <= Frames.responseBytes { #expect(payload == length) }
        }
    }
}
