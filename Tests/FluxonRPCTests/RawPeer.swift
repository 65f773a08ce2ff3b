import FluxonRPC
import FluxonSystem
import Glibc
import Testing

/// A peer that says and reads what a test wants, byte by byte, on a thread of its own.
final class RawPeer: Sendable {
    private let descriptor: Descriptor

    /// The other end of a socket that the fixture's server serves.
    init(of fixture: EchoFixture, onClose: (@Sendable (String?) -> Void)? = nil) async throws {
        let pair = try Descriptor.socketPair()
        let served = LoopOwned(try pair.first.duplicate())
        descriptor = try pair.second.duplicate()
        try await fixture.loop.perform {
            fixture.server.adopt(served.take(), context: nil) { error in onClose?(error?.description) }
        }
    }

    /// A connection to a port of this machine.
    init(to port: UInt16) async throws {
        let address = try #require(try ResolvedAddress.resolve(.tcp(host: "127.0.0.1", port: port)).first)
        descriptor = Descriptor(owning: try Socket.connect(to: address).descriptor)
    }

    /// The other side's frames as they come, until it closes or is silent for so long.
    ///
    /// - Parameter isLast: After which frame to read no more.
    func frames(
        within silence: Duration, until isLast: @escaping @Sendable (Frame) -> Bool = { _ in false }
    ) -> AsyncThrowingStream<Frame, any Error> {
        let (frames, sink) = AsyncThrowingStream.makeStream(of: Frame.self)
        let milliseconds = CInt(silence.components.seconds * 1000)
        do {
            try KernelThread.start(name: "test-raw", detached: true) { [self] in
                var bytes: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65536)
                while true {
                    var poller = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
                    guard poll(&poller, 1, milliseconds) > 0 else { break }
                    guard case .moved(let count) = chunk.withUnsafeMutableBytes({ Socket.receive(descriptor.number, into: $0) }) else {
                        break
                    }
                    bytes.append(contentsOf: chunk.prefix(count))
                    let whole = Self.frames(bytes)
                    for frame in whole { sink.yield(frame) }
                    if whole.contains(where: isLast) { break }
                    bytes.removeFirst(whole.reduce(0) { $0 + 9 + $1.payload.count })
                }
                sink.finish()
            }
        } catch {
            sink.finish(throwing: error)
        }
        return frames
    }

    init(owning descriptor: consuming Descriptor) { self.descriptor = descriptor }

    func send(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { Socket.send(descriptor.number, $0) } }

    /// All of the bytes, as fast as the other side takes them, or until it closes; on a thread of its own.
    func sendAll(_ bytes: [UInt8]) async {
        let number = descriptor.number
        await withCheckedContinuation { continuation in
            let isStarted = try? KernelThread.start(name: "test-send", detached: true) {
                var rest = bytes[...]
                while !rest.isEmpty {
                    var poller = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
                    poll(&poller, 1, -1)
                    switch rest.withUnsafeBytes({ Socket.send(number, $0) }) {
                    case .moved(let count): rest = rest.dropFirst(count)
                    case .wouldBlock: continue
                    case .ended, .failed: rest = []
                    }
                }
                continuation.resume()
            }
            if isStarted == nil { continuation.resume() }
        }
    }

    func shutdownWrite() { Socket.shutdownWrite(descriptor.number) }

    /// Reads until the other side has taken what was sent first, which its acknowledgement of SETTINGS shows.
    func waitUntilTaken() async throws {
        for try await frame in frames(within: .seconds(10), until: { $0.kind == 4 && $0.flags == 1 }) where frame.kind == 7 { return }
    }

    /// All bytes until the other side closes.
    func readUntilEnd() async throws -> [UInt8] {
        let number = descriptor.number
        return try await withCheckedThrowingContinuation { continuation in
            do {
                try KernelThread.start(name: "test-raw", detached: true) {
                    var bytes: [UInt8] = []
                    var chunk = [UInt8](repeating: 0, count: 65536)
                    while true {
                        var poller = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
                        poll(&poller, 1, -1)
                        guard case .moved(let count) = chunk.withUnsafeMutableBytes({ Socket.receive(number, into: $0) }) else { break }
                        bytes.append(contentsOf: chunk.prefix(count))
                    }
                    continuation.resume(returning: bytes)
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0)

    static func frame(_ kind: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
        frame(kind, flags, longStream: Int(stream), payload)
    }

    static func frame(_ kind: UInt8, _ flags: UInt8, longStream: Int, _ payload: [UInt8] = []) -> [UInt8] {
        let length = [UInt8(payload.count >> 16), UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255)]
        let id = withUnsafeBytes(of: UInt32(longStream).bigEndian) { Array($0) }
        return length + [kind, flags] + id + payload
    }

    /// The HEADERS of a call.
    static func request(_ path: String, stream: UInt8 = 1) -> [UInt8] { request(path, longStream: Int(stream)) }

    static func request(_ path: String, longStream: Int, _ more: [(String, String)] = [], flags: UInt8 = 4) -> [UInt8] {
        frame(1, flags, longStream: longStream, fields(path, more))
    }

    static func fields(_ path: String, _ more: [(String, String)] = [], contentType: String = "application/grpc") -> [UInt8] {
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a"), ("content-type", contentType),
            ("te", "trailers"),
        ]
        var block: [UInt8] = []
        for (name, value) in fields + more {
            // A literal without indexing and without Huffman code.
            block += [0, UInt8(name.utf8.count)] + Array(name.utf8)
            block += [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        return block
    }

    /// The error code of the last GOAWAY in `bytes`.
    static func goAwayCode(_ bytes: [UInt8]) -> Int? {
        frames(bytes).last { $0.kind == 7 && $0.payload.count >= 8 }.map { Int($0.payload[6]) << 8 | Int($0.payload[7]) }
    }

    struct Frame: Sendable {
        let kind: UInt8
        let flags: UInt8
        let stream: Int
        let payload: [UInt8]
    }

    /// The whole frames in `bytes`.
    static func frames(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard rest.count >= 9 + length else { break }
            let stream = head[5...].reduce(0) { $0 << 8 | Int($1) }
            frames.append(Frame(kind: head[3], flags: head[4], stream: stream, payload: Array(rest.dropFirst(9).prefix(length))))
            rest = rest.dropFirst(9 + length)
        }
        return frames
    }

    /// The kinds of the whole frames in `bytes`.
    static func kinds(_ bytes: [UInt8]) -> [UInt8] { frames(bytes).map(\.kind) }
}
