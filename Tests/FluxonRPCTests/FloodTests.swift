import FluxonCore
import FluxonRPC
import FluxonSystem
import Glibc
import Testing

/// Floods of every kind from one connection, against the server as a whole. `FloodLongTests` measures what others notice.
@Suite(.timeLimit(.minutes(1))) struct FloodTests {
    fileprivate static func repeated(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
        Array([[UInt8]](repeating: bytes, count: count).joined())
    }

    /// Requests that are reset at once.
    fileprivate static func resets(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { (number: Int) -> [UInt8] in
            let stream = 2 * number + 1
            return RawPeer.request("/test.Echo/Never", longStream: stream) + RawPeer.frame(3, 0, longStream: stream, [0, 0, 0, 8])
        }
    }

    fileprivate static func requests(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { (number: Int) -> [UInt8] in RawPeer.request("/test.Echo/Never", longStream: 2 * number + 1) }
    }

    enum Flood: String, CaseIterable {
        case ping, settings, priority, unknown, windowUpdate, emptyData, paddedData, resets, streams

        var bytes: [UInt8] {
            switch self {
            case .ping: FloodTests.repeated(RawPeer.frame(6, 0, 0, [UInt8](repeating: 1, count: 8)), 20_000)
            case .settings: FloodTests.repeated(RawPeer.frame(4, 0, 0, [0, 4, 0, 0, 255, 255]), 2000)
            case .priority: FloodTests.repeated(RawPeer.frame(2, 0, 3, [0, 0, 0, 0, 1]), 20_000)
            case .unknown: FloodTests.repeated(RawPeer.frame(0x7f, 0, 1, [1]), 20_000)
            case .windowUpdate: FloodTests.repeated(RawPeer.frame(8, 0, 0, [0, 0, 0, 1]), 20_000)
            case .emptyData: FloodTests.requests(1) + FloodTests.repeated(RawPeer.frame(0, 0, 1), 20_000)
            case .paddedData: FloodTests.requests(1) + FloodTests.repeated(RawPeer.frame(0, 8, 1, [0]), 20_000)
            case .resets: FloodTests.resets(20_000)
            case .streams: FloodTests.requests(20_000)
            }
        }
    }

    @Test("a flood ends its own connection with ENHANCE_YOUR_CALM, and the server serves on", arguments: Flood.allCases)
    func flood(_ flood: Flood) async throws {
        let bytes = flood.bytes
        let fixture = try await EchoFixture(limits: .with { $0.concurrentStreams = 64 })
        let (ends, sink) = AsyncStream.makeStream(of: String?.self)
        let peer = try await RawPeer(of: fixture) { sink.yield($0) }
        async let sent: Void = peer.sendAll(RawPeer.preface + bytes)
        let answer = try await peer.readUntilEnd()
        await sent
        #expect(RawPeer.goAwayCode(answer) == 11)
        for await reason in ends {
            #expect(reason?.contains("asks for too much") == true)
            break
        }
        #expect(try await fixture.client().unary("/test.Echo/Unary", [1]) == [1])
    }

    @Test("a list of fields that only refers to the table is walked to its limit and no further")
    func headerBomb() async throws {
        let fixture = try await EchoFixture()
        let peer = try await RawPeer(of: fixture)
        // One entry of 4 000 bytes, then references to it of one byte each: 64 MiB of fields from 16 KiB.
        let rest = 4000 - 127
        let head: [UInt8] = [0x40, 1, UInt8(ascii: "x"), 127, UInt8(0x80 + rest % 128), UInt8(rest / 128)]
        let entry = head + [UInt8](repeating: 0x61, count: 4000)
        let bomb = RawPeer.fields("/test.Echo/Unary") + entry + [UInt8](repeating: 0xbe, count: 12_000)
        async let sent: Void = peer.sendAll(RawPeer.preface + RawPeer.frame(1, 4, longStream: 1, bomb))
        let answer = try await peer.readUntilEnd()
        await sent
        #expect(RawPeer.goAwayCode(answer) == 11)
    }

    @Test("lengths that are announced take no memory, and what comes of messages that never end is bounded")
    func announcedLengths() async throws {
        let fixture = try await EchoFixture(limits: .with { $0.unfinishedBytes = 1 << 20 })
        let peer = try await RawPeer(of: fixture)
        let announced: [UInt8] = [0, 3, 255, 255, 255] + [UInt8](repeating: 7, count: 8000)
        let bytes = (0..<300).flatMap { (number: Int) -> [UInt8] in
            let stream = 2 * number + 1
            return RawPeer.request("/test.Echo/Unary", longStream: stream) + RawPeer.frame(0, 0, longStream: stream, announced)
        }
        let before = Self.addressSpace()
        async let sent: Void = peer.sendAll(RawPeer.preface + bytes)
        let answer = try await peer.readUntilEnd()
        await sent
        // 131 messages fit; each refusal after them is dear, and ends the connection in the end.
        #expect(RawPeer.goAwayCode(answer) == 11)
        #expect(RawPeer.kinds(answer).filter { $0 == 1 }.count >= 39)
        #expect(Self.addressSpace() - before < 1 << 30)
        #expect(try await fixture.client().unary("/test.Echo/Unary", [1]) == [1])
    }

    @Test("what is queued for a peer that opens no window is bounded for all of its calls together")
    func queuedInTotal() async throws {
        let fixture = try await EchoFixture(limits: .with { $0.connectionQueuedBytes = 4 << 20 })
        let (statuses, sink) = AsyncStream.makeStream(of: RPCStatus.self)
        try await fixture.loop.perform {
            fixture.server.handle("/test.Echo/Large") { stream in
                stream.onEnd = { sink.yield($0) }
                stream.send([UInt8](repeating: 1, count: 1 << 20))
            }
        }
        let peer = try await RawPeer(of: fixture)
        peer.send(RawPeer.preface + (0..<8).flatMap { RawPeer.request("/test.Echo/Large", longStream: 2 * $0 + 1) })
        var refused = 0
        for await status in statuses {
            #expect(status.code == .resourceExhausted && status.message.contains("this connection's calls"))
            refused += 1
            if refused == 5 { break }
        }
    }

    /// Bytes of address space that this process has.
    private static func addressSpace() -> Int {
        let text = (try? File.readAll("/proc/self/statm", limit: 1 << 12)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return (text.split(separator: " ").first.flatMap { Int($0) } ?? 0) * 4096
    }
}
