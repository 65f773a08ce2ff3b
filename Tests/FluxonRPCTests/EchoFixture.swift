import FluxonCore
import FluxonRPC
import FluxonSystem
import Glibc

/// A loop with a server of all four call kinds on it.
final class EchoFixture: Sendable {
    let loop: EventLoop
    let server: RPCServer
    let address: SocketAddress

    init(
        _ wanted: SocketAddress = .tcp(host: "127.0.0.1", port: 0), limits: RPCLimits = RPCLimits(),
        keepalive: RPCKeepalive? = RPCKeepalive()
    ) async throws {
        let loop = try EventLoop.started(name: "test-rpc")
        let server = RPCServer(loop: loop, limits: limits, keepalive: keepalive)
        self.loop = loop
        self.server = server
        address = try await loop.perform {
            Self.addHandlers(server)
            return try server.listen(wanted)
        }
    }

    deinit { loop.stop() }

    func client(limits: RPCLimits = RPCLimits()) -> RPCClient { RPCClient(loop: loop, target: address, limits: limits) }

    static func addHandlers(_ server: RPCServer) {
        server.unaryNow("/test.Echo/Unary") { message, _ in message }
        server.unary("/test.Echo/Async") { message, _ in message }
        server.unary("/test.Echo/Fail") { message, _ in
            throw RPCError(.failedPrecondition, String(decoding: message, as: UTF8.self), trailers: ["reason": "test"])
        }
        server.handle("/test.Echo/Never") { _ in }
        server.streaming("/test.Echo/LateFail") { call in
            call.withStream { $0.sendInitialMetadata() }
            while try await call.next() != nil {}
            throw RPCError(.aborted, "late")
        }
        server.handle("/test.Echo/Stream") { stream in
            stream.onMessage = { [weak stream] in stream?.send($0) }
            stream.onHalfClose = { [weak stream] in stream?.finish(.ok) }
        }
        // The first byte of each message says how many copies come back.
        server.streaming("/test.Echo/Repeat") { call in
            while let message = try await call.next() {
                for _ in 0..<(message.first ?? 0) { try await call.send(message) }
            }
        }
        server.streaming("/test.Echo/Count") { call in
            var bytes = 0
            while let message = try await call.next() { bytes += message.count }
            try await call.send(Array("\(bytes)".utf8))
        }
        _ = RPCHealth(on: server)
        server.unaryNow("/test.Echo/Metadata") { _, stream in
            stream.initialMetadata = stream.metadata
            return Array((stream.metadata["x-text"] ?? "none").utf8)
        }
    }
}

extension RPCMetadata: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init()
        for (name, value) in elements { add(name, value) }
    }
}

/// Carries a descriptor into a closure that runs on a loop; taken at most once.
final class LoopOwned: @unchecked Sendable {
    // SAFETY: made by one task and taken by the closure that it waits for.
    private var number: CInt

    init(_ descriptor: consuming Descriptor) { number = descriptor.release() }

    func take() -> Descriptor {
        defer { number = -1 }
        return Descriptor(owning: number)
    }
}
