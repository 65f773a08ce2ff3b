import Testing

@testable import FluxonRPC

@Suite struct GRPCWireTests {
    @Test(
        "a timeout keeps its length in at most eight digits, rounded up",
        arguments: [
            (Duration.seconds(5), "5S"), (.milliseconds(1500), "1500m"), (.nanoseconds(1), "1n"), (.zero, "1n"), (.seconds(-3), "1n"),
            (.nanoseconds(123_456_789_012), "123456790u"), (.seconds(100_000_000), "1666667M"), (.seconds(Int64.max), "2562048H"),
        ])
    func timeouts(duration: Duration, text: String) throws {
        let written = GRPCWire.timeout(duration)
        #expect(written.utf8.count <= 9)
        let read = Array(written.utf8).withUnsafeBufferPointer { GRPCWire.timeout($0) }
        if duration > .zero, duration < .seconds(1_000_000_000) {
            #expect(try #require(read) >= duration)
            #expect(try #require(read) <= duration + duration / 1000 + .nanoseconds(1))
        }
        if text != "123456790u" { #expect(written == text) }
    }

    @Test("what is no timeout is refused", arguments: ["", "S", "5", "123456789S", "-5S", "5x", "5 S"])
    func badTimeouts(text: String) {
        #expect(Array(text.utf8).withUnsafeBufferPointer { GRPCWire.timeout($0) } == nil)
    }

    @Test("a message of any characters comes back as it was", arguments: ["", "plain", "100 % ärgerlich\n", "\u{0}\u{7f}", "日本"])
    func messages(text: String) {
        let encoded = GRPCWire.encodeMessage(text)
        #expect(encoded.allSatisfy { $0 >= 0x20 && $0 <= 0x7e })
        #expect(encoded.withUnsafeBufferPointer { GRPCWire.decodeMessage($0) } == text)
    }

    @Test("bytes of any number come back from base64, with padding or without")
    func base64() {
        for count in 0..<10 {
            let bytes = (0..<count).map { UInt8($0 * 25 + 3) }
            let text = Base64.encode(bytes)
            #expect(Base64.decode(text) == bytes)
            #expect(Base64.decode(text + [UInt8](repeating: UInt8(ascii: "="), count: (4 - text.count % 4) % 4)) == bytes)
        }
        #expect(Base64.decode(Array("?".utf8)) == nil)
        #expect(Base64.decode(Array("A".utf8)) == nil)
        #expect(Base64.decode(Array("A=A".utf8)) == nil)
    }

    @Test(
        "the output gives back its bytes in order, gathered and sliced, whatever part is sent at a time", arguments: [1, 7, 4096, 1 << 20])
    func output(step: Int) {
        var queue = OutputQueue()
        var expected: [UInt8] = []
        var sent: [UInt8] = []
        for round in 0..<6 {
            let short = [UInt8](repeating: UInt8(round), count: 9)
            short.withUnsafeBytes { queue.append($0) }
            let long = [UInt8](repeating: UInt8(round + 100), count: OutputQueue.sliceBytes + round)
            queue.append(long, range: 3..<long.count - round % 3)
            expected += short + long[3..<long.count - round % 3]
            if round % 2 == 1 { sent += take(&queue, step, until: 1000) }
        }
        sent += take(&queue, step, until: 0)
        #expect(sent == expected)
        #expect(queue.isEmpty)
    }

    private func take(_ queue: inout OutputQueue, _ step: Int, until rest: Int) -> [UInt8] {
        var sent: [UInt8] = []
        while queue.byteCount > rest {
            let count = queue.withFirst { first in
                sent.append(contentsOf: first.prefix(step))
                return min(first.count, step)
            }
            queue.removeFirst(count)
        }
        return sent
    }
}
