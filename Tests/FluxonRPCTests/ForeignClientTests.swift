import FluxonCore
import FluxonRPC
import FluxonSystem
import FluxonTestFiles
import Glibc
import Testing

@Suite(.timeLimit(.minutes(3))) struct ForeignClientTests {
    @Test(
        "grpcio's client is served",
        arguments: [
            "unary", "large", "many", "server_stream", "client_stream", "bidirectional", "deadline", "cancel", "metadata", "error",
            "health", "refused", "slow_reader",
        ])
    func grpcio(name: String) async throws {
        let fixture = try await EchoFixture()
        _ = try await PeerProcess.run(PeerProcess.python, ["\(PeerProcess.peers)/client.py", "\(fixture.address)", name])
    }

    @Test("grpcio's client is served over a Unix socket")
    func grpcioUnix() async throws {
        let path = TestFolder.fresh(".sock")
        let fixture = try await EchoFixture(.unix(path))
        _ = try await PeerProcess.run(PeerProcess.python, ["\(PeerProcess.peers)/client.py", "unix:\(path)", "unary"])
        try await fixture.loop.perform { fixture.server.close() }
    }

    @Test("curl gets an answer with trailers, and a GET is told that calls are POST requests")
    func curl() async throws {
        let fixture = try await EchoFixture()
        let file = try frame([1, 2, 3])
        defer { unlink(file) }
        let arguments = ["-sS", "--http2-prior-knowledge", "-m", "20", "-H", "content-type: application/grpc", "-H", "te: trailers"]
        let answer = try await PeerProcess.run(
            "/usr/bin/curl", arguments + ["-D", "-", "--data-binary", "@\(file)", "http://\(fixture.address)/test.Echo/Unary"])
        #expect(answer.contains("HTTP/2 200"))
        #expect(answer.contains("grpc-status: 0"))
        #expect(answer.contains("\u{0}\u{0}\u{0}\u{0}\u{3}\u{1}\u{2}\u{3}"))
        let get = try await PeerProcess.run(
            "/usr/bin/curl", ["-sS", "--http2-prior-knowledge", "-m", "20", "-i", "http://\(fixture.address)/"])
        #expect(get.contains("HTTP/2 405"))
        #expect(get.contains("grpc-message: gRPC calls are POST requests"))
    }

    @Test("nghttp reads the answer, and h2load gets one for each of its calls")
    func nghttp() async throws {
        let fixture = try await EchoFixture()
        let file = try frame([UInt8](repeating: 9, count: 1024))
        defer { unlink(file) }
        let url = "http://\(fixture.address)/test.Echo/Unary"
        let answer = try await PeerProcess.run(
            "/usr/bin/nghttp", ["-v", "-t", "20", "-d", file, "-H", "content-type: application/grpc", "-H", "te: trailers", url])
        #expect(answer.contains("grpc-status: 0"))
        let load = try await PeerProcess.run(
            "/usr/bin/h2load",
            ["-n", "5000", "-c", "4", "-m", "32", "-d", file, "-H", "content-type: application/grpc", "-H", "te: trailers", url])
        #expect(load.contains("5000 succeeded, 0 failed, 0 errored"))
        #expect(load.contains("5000 2xx"))
    }

    /// A file with one length-prefixed message.
    private func frame(_ message: [UInt8]) throws -> String {
        let path = TestFolder.fresh(".frame")
        let length = withUnsafeBytes(of: UInt32(message.count).bigEndian) { Array($0) }
        try File.replace(path, with: [0] + length + message)
        return path
    }
}
