import FluxonRPC
import FluxonSystem
import Glibc

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

    init(owning descriptor: consuming Descriptor) { self.descriptor = descriptor }

    func send(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { Socket.send(descriptor.number, $0) } }

    func shutdownWrite() { Socket.shutdownWrite(descriptor.number) }

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
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 255), kind, flags, 0, 0, 0, stream] + payload
    }

    /// The HEADERS of a call.
    static func request(_ path: String, stream: UInt8 = 1) -> [UInt8] {
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a"), ("content-type", "application/grpc"),
        ]
        var block: [UInt8] = []
        for (name, value) in fields {
            // A literal without indexing and without Huffman code.
            block += [0, UInt8(name.utf8.count)] + Array(name.utf8)
            block += [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        return frame(1, 4, stream, block)
    }

    /// The kinds of the whole frames in `bytes`.
    static func kinds(_ bytes: [UInt8]) -> [UInt8] {
        var kinds: [UInt8] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let start = rest.startIndex
            let length = Int(rest[start]) << 16 | Int(rest[start + 1]) << 8 | Int(rest[start + 2])
            kinds.append(rest[start + 3])
            rest = rest.dropFirst(9 + length)
        }
        return kinds
    }
}
