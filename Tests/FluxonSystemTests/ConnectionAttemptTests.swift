import FluxonSystem
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConnectionAttemptTests {
    private func connect(to ports: [UInt16], of hosts: [String]) async throws -> Result<CInt, SystemError> {
        let loop = try EventLoop.started(name: "attempt")
        defer { loop.stop() }
        let addresses = try zip(hosts, ports).flatMap { try ResolvedAddress.resolve(.tcp(host: $0, port: $1)) }
        return await withCheckedContinuation { continuation in
            loop.execute {
                let attempt = ConnectionAttempt(loop: loop, target: .tcp(host: "several.example", port: 1), timeLimit: .seconds(5)) {
                    $2(.success(addresses))
                }
                // It is its starter's to keep.
                attempt.start { result in withExtendedLifetime(attempt) { continuation.resume(returning: result) } }
            }
        }
    }

    @Test("an address that refuses is not the last word while a name has another")
    func nextAddress() async throws {
        let listener = try Socket.listen(on: .tcp(host: "127.0.0.1", port: 0))
        guard case .tcp(_, let port) = try Socket.localAddress(of: listener.number) else { return }
        let number = try await connect(to: [port, port], of: ["127.0.0.2", "127.0.0.1"]).get()
        #expect(try Socket.peerAddress(of: number) == .tcp(host: "127.0.0.1", port: port))
        close(number)
    }

    @Test("when every address refuses, the last one is named")
    func noAddress() async throws {
        let port = try Kernel.freeLoopbackPort()
        let result = try await connect(to: [port, port], of: ["127.0.0.2", "127.0.0.3"])
        guard case .failure(let error) = result else {
            Issue.record("connected")
            return
        }
        #expect(error.isRefused)
    }
}
