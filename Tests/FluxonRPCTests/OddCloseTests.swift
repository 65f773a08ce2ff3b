import FluxonCore
import FluxonRPC
import FluxonSystem
import Glibc
import Testing

/// How calls end that a peer begins, cuts or breaks in odd ways: one table, asked of this server and of grpc-core's.
///
/// Where the two columns differ: a unary call here takes exactly one message, and one that is cut off is told (decision 0039); what cannot be
/// understood (a compression, a timeout, a content-type) is refused instead of passed over; what RFC 9113 calls an error is one.
@Suite(.timeLimit(.minutes(3)), .serialized) struct OddCloseTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let ours: String
        let grpc: String

        init(_ name: String, _ bytes: [UInt8], _ ours: String, grpc: String? = nil) {
            self.name = name
            self.bytes = bytes
            self.ours = ours
            self.grpc = grpc ?? ours
        }

        var testDescription: String { name }
    }

    private static let message: [UInt8] = [0, 0, 0, 0, 1, 9]
    private static func data(_ payload: [UInt8], end: Bool = true) -> [UInt8] { RawPeer.frame(0, end ? 1 : 0, 1, payload) }
    private static func begin(_ method: String = "Unary", _ more: [(String, String)] = [], end: Bool = false) -> [UInt8] {
        RawPeer.request("/test.Echo/\(method)", longStream: 1, more, flags: end ? 5 : 4)
    }
    private static func window(_ byteCount: UInt8) -> [UInt8] { RawPeer.frame(4, 0, 0, [0, 4, 0, 0, 0, byteCount]) }

    static let rows: [Row] = [
        Row("a call in order", begin() + data(message), "status 0"),
        Row("half-close without a message", begin(end: true), "status 12"),
        Row("half-close by empty DATA", begin() + data([]), "status 12"),
        Row("two messages", begin() + data(message + message), "status 12", grpc: "status 0"),
        Row("two messages in two frames", begin() + data(message, end: false) + data(message), "status 12", grpc: "status 0"),
        Row("a message cut short", begin() + data([0, 0, 0, 0, 9, 1]), "status 13", grpc: "status 12"),
        Row("a prefix cut short", begin() + data([0, 0]), "status 13", grpc: "status 12"),
        Row("a compressed message without a word of it", begin() + data([1, 0, 0, 0, 1, 9]), "status 13", grpc: "status 0"),
        Row("an unknown compression", begin("Unary", [("grpc-encoding", "br")]) + data([1, 0, 0, 0, 1, 9]), "status 12", grpc: "status 0"),
        Row("no time", begin("Unary", [("grpc-timeout", "0n")]) + data(message), "status 4"),
        Row("no time, never answered", begin("Never", [("grpc-timeout", "10m")]) + data(message), "status 4"),
        Row("a timeout that is none", begin("Unary", [("grpc-timeout", "soon")]) + data(message), "status 13", grpc: "status 0"),
        Row("blanks around metadata", begin("Unary", [("x-text", "  a b ")]) + data(message), "status 0"),
        Row(
            "another content-type", RawPeer.frame(1, 5, 1, RawPeer.fields("/test.Echo/Unary", contentType: "text/html")), "http 415",
            grpc: "status 12"),
        Row("no such method", begin("Nothing") + data(message), "status 12"),
        Row("a stream without messages", begin("Stream", end: true), "status 0"),
        Row("a stream cut in a message", begin("Stream") + data([0, 0, 0, 0, 9, 1]), "status 13", grpc: "status 0"),
        Row("a stream with two messages", begin("Stream") + data(message + message), "status 0"),
        Row("a reset", begin("Never") + RawPeer.frame(3, 0, 1, [0, 0, 0, 8]), "open"),
        Row(
            "trailers from the client", begin("Stream") + data(message, end: false) + RawPeer.frame(1, 5, 1, [0, 1, 120, 1, 49]), "status 0"
        ),
        Row("fields again without an end", begin("Stream") + RawPeer.frame(1, 4, 1, [0, 1, 120, 1, 49]), "reset 1", grpc: "status 14"),
        Row("DATA after the end", begin("Never", end: true) + data(message), "goaway 5", grpc: "status 12"),
        Row("no window and no time", window(0) + begin("Unary", [("grpc-timeout", "100m")]) + data(message), "status 4"),
        Row(
            "a window of 7 and no time",
            window(7) + begin("Unary", [("grpc-timeout", "100m")]) + data([0, 0, 0, 0, 9] + [1, 2, 3, 4, 5, 6, 7, 8, 9]), "status 4"),
        Row("an error behind a closed window", window(0) + begin("LateFail", end: true), "status 10"),
        Row("PRIORITY on stream 0", begin() + RawPeer.frame(2, 0, 0, [0, 0, 0, 0, 1]), "goaway 1", grpc: "open"),
        Row("a window moved by nothing", begin("Never") + RawPeer.frame(8, 0, 1, [0, 0, 0, 0]), "goaway 1", grpc: "status 14"),
        Row("DATA on stream 0", RawPeer.frame(0, 0, 0, message), "goaway 1", grpc: "open"),
        Row("an even stream", RawPeer.request("/test.Echo/Unary", longStream: 2), "goaway 1", grpc: "open"),
        Row("CONTINUATION of nothing", RawPeer.frame(9, 4, 1, [0]), "goaway 1", grpc: "closed"),
        Row("GOAWAY in the middle", begin() + RawPeer.frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]) + data(message), "status 0"),
    ]

    @Test("this server ends every odd call in exactly one way", arguments: rows)
    func ours(_ row: Row) async throws {
        let fixture = try await EchoFixture()
        guard case .tcp(_, let port) = fixture.address else { return }
        #expect(try await Self.outcome(row, port: port) == row.ours)
        #expect(try await fixture.client().unary("/test.Echo/Unary", [1]) == [1])
    }

    @Test("grpc-core's server ends it as the table says")
    func grpcCore() async throws {
        let process = try PeerProcess(PeerProcess.python, ["\(PeerProcess.peers)/server.py"])
        let line = try await process.firstLine()
        let port = try #require(UInt16(line), "server.py said: \(line)")
        for row in Self.rows {
            let outcome = try await Self.outcome(row, port: port)
            #expect(outcome == row.grpc, "\(row.name)")
        }
    }

    /// What comes of call 1, or of the connection. A call 3 in order tells that nothing comes of it.
    private static func outcome(_ row: Row, port: UInt16) async throws -> String {
        let peer = try await RawPeer(to: port)
        let after = RawPeer.request("/test.Echo/Unary", longStream: 3) + RawPeer.frame(0, 1, 3, message)
        let bytes = RawPeer.preface + row.bytes + after
        peer.send(bytes)
        let headers = HeaderProbe()
        var outcome: String?
        var hasAfter = false
        for try await frame in peer.frames(within: .seconds(3)) {
            var fields: [(name: String, value: String)] = []
            if frame.kind == 1 { fields = headers.fields(frame.payload) ?? [] }
            switch (frame.kind, frame.stream) {
            case (7, _) where frame.payload[7] != 0: return "goaway \(frame.payload[7])"
            case (3, 1): outcome = "reset \(frame.payload[3])"
            case (1, 1):
                if let status = fields.last(where: { $0.name == "grpc-status" }) { outcome = "status \(status.value)" }
                if let status = fields.first(where: { $0.name == ":status" }), status.value != "200" { outcome = "http \(status.value)" }
            case (1, 3) where frame.flags & 1 != 0: hasAfter = true
            default: break
            }
            if let outcome { return outcome }
            if hasAfter, row.ours == "open" { return "open" }
        }
        return outcome ?? (hasAfter ? "open" : "closed")
    }
}
