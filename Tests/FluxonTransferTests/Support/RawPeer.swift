import FluxonSystem
import Glibc
import Testing

/// A peer that speaks bytes: blocking calls on threads of its own.
struct RawPeer: Sendable {
    /// Connects, sends `bytes`, hands the socket to `body`, closes.
    static func connect<T: Sendable>(
        to address: SocketAddress, sending bytes: [UInt8], _ body: @escaping @Sendable (CInt) -> T
    ) async throws -> T {
        let target = try #require(try ResolvedAddress.resolve(address).first)
        return try await onThread {
            let (socket, _) = try Socket.connect(to: target)
            setBlocking(socket)
            defer { close(socket) }
            #expect(send(socket, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count)
            return body(socket)
        }
    }

    /// Listens and answers every connection's first bytes with `response`, `times` times; then stops listening.
    static func answer(_ response: [UInt8], times: Int = 1, thenWait: Bool = false) throws -> String {
        let listener = try Socket.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let address = "\(try Socket.localAddress(of: listener.number))"
        let number = listener.release()
        setBlocking(number)
        try KernelThread.start(name: "raw-peer", detached: true) {
            for _ in 0..<times {
                let socket = accept(number, nil, nil)
                var request = [UInt8](repeating: 0, count: 4096)
                _ = recv(socket, &request, request.count, 0)
                _ = send(socket, response, response.count, CInt(MSG_NOSIGNAL))
                if thenWait { while recv(socket, &request, request.count, 0) > 0 {} }
                close(socket)
            }
            close(number)
        }
        return address
    }

    /// Reads to the end of the stream or `limit` bytes.
    static func readToEnd(_ socket: CInt, limit: Int = .max) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while all.count < limit {
            let count = recv(socket, &buffer, min(buffer.count, limit - all.count), 0)
            guard count > 0 else { break }
            all += buffer[..<count]
        }
        return all
    }

    private static func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try KernelThread.start(name: "raw-peer", detached: true) { continuation.resume(with: Result { try body() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}

/// Undoes what `Socket` does to every socket that it makes.
func setBlocking(_ descriptor: CInt) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
}
