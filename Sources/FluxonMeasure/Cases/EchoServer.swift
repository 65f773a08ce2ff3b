internal import FluxonRPC
package import FluxonSystem

/// A server that gives every message back: the other side of `rpc unary`, and what a foreign load generator is set on.
package struct EchoServer: Sendable {
    /// The method, as it stands in `:path`.
    package static let path = "/fluxon.bench.Echo/Say"

    private let loop: EventLoop
    private let server: RPCServer
    /// Where it listens; the kernel's choice for port 0.
    package let address: SocketAddress

    package init(on wanted: SocketAddress = .tcp(host: "127.0.0.1", port: 0)) async throws {
        let loop = try EventLoop.started(name: "bench-server")
        let server = RPCServer(loop: loop)
        address = try await loop.perform {
            server.unaryNow(Self.path) { message, _ throws(RPCError) in message }
            return try server.listen(wanted)
        }
        self.loop = loop
        self.server = server
    }

    package func stop() { loop.stop() }
}
