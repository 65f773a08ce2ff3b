internal import FluxonCore
package import FluxonSystem
package import FluxonTLS
package import Logging

/// Serves calls on any number of listeners and adopted sockets. All handlers run on its loop.
///
///     let server = RPCServer(loop: loop)
///     server.unary("/demo.Echo/Say") { message, context in message }
///     let address = try await loop.perform { try server.listen(.tcp(host: "127.0.0.1", port: 0)) }
package final class RPCServer: @unchecked Sendable {
    // SAFETY: all variables are touched on the loop alone; `handle` and its kin may also be used before the first connection.
    package let loop: EventLoop
    let limits: RPCLimits
    let keepalive: RPCKeepalive?
    private let handlers = RPCHandlers()
    var listeners: [RPCListener] = []
    var connections: [ObjectIdentifier: RPCConnection] = [:]
    private var isDraining = false
    private var drainWaiters: [() -> Void] = []
    private let buffer = ReadBuffer()
    var incidents: IncidentLog

    /// - Parameter logger: Hears of peers that were cut off, and of connections that could not be taken.
    package init(loop: EventLoop, limits: RPCLimits = RPCLimits(), keepalive: RPCKeepalive? = RPCKeepalive(), logger: Logger? = nil) {
        self.loop = loop
        self.limits = limits
        self.keepalive = keepalive
        incidents = IncidentLog(logger: logger)
    }

    deinit {
        let left = OnLoop((listeners, connections))
        loop.execute {
            for listener in left.value.0 { listener.pause() }
            for connection in left.value.1.values { connection.close(nil) }
        }
    }

    // MARK: Handlers

    /// `accept` runs on the loop when a call's header fields are there; it sets the stream's callbacks before it returns.
    package func handle(_ path: String, _ accept: @escaping (RPCStream) -> Void) { handlers.accept[path] = accept }

    // MARK: Connections (loop only)

    /// Listens, and gives back the address with the port that the kernel chose. With `tls` all connections there are TLS.
    package func listen(_ address: SocketAddress, tls: TLSContext? = nil) throws(SystemError) -> SocketAddress {
        let listener = try RPCListener(on: address, tls: tls, loop: loop) { [weak self] in self?.accept(from: $0) }
        listeners.append(listener)
        return listener.address
    }

    /// Serves an accepted or passed socket. `received`: bytes that were read off it already. Every call gets `context` as its
    /// `connectionContext`. `onClose` comes once, with what ended the connection, or nil when it ended in order.
    package func adopt(
        _ descriptor: consuming Descriptor, context: AnyObject?, received: [UInt8] = [], tls: TLSContext? = nil,
        onClose: ((RPCError?) -> Void)? = nil
    ) {
        guard !isDraining else { return }
        guard makeRoom() else {
            onClose?(RPCError(.resourceExhausted, "\(limits.connections) connections are open, and all have calls"))
            return
        }
        let peer = Self.describe(descriptor.number)
        let connection: RPCConnection
        do throws(SystemError) {
            connection = try RPCConnection(
                loop: loop, descriptor: descriptor, role: .server, limits: limits, peer: peer.name, buffer: buffer,
                keepalive: keepalive, tls: tls?.makeSession(host: "", peer: peer.name, protocol: .http2), isLocal: peer.isLocal)
        } catch {
            onClose?(RPCError(.unavailable, "the connection from \(peer.name) could not be served", cause: error))
            return
        }
        connections[ObjectIdentifier(connection)] = connection
        connection.session.onRequest = { [handlers, loop, unowned connection] stream in
            stream.peer = peer.name
            stream.peerCertificateName = connection.peerName
            stream.connectionContext = context
            handlers.dispatch(stream, on: loop)
        }
        connection.onClose = { [weak self, unowned connection] error in
            self?.ended(connection, error)
            onClose?(error)
        }
        if !received.isEmpty { connection.receive(received) }
    }

    private func ended(_ connection: RPCConnection, _ error: RPCError?) {
        connections[ObjectIdentifier(connection)] = nil
        if let excess = connection.session.budget.excess { incidents.cutOff(connection.peer, excess, now: loop.now) }
        connectionEnded()
    }

    private static func describe(_ descriptor: CInt) -> (name: String, isLocal: Bool) {
        guard let address = try? Socket.peerAddress(of: descriptor) else { return ("a socket", true) }
        guard case .unix = address else { return ("\(address)", false) }
        let process = (try? PeerCredentials(of: descriptor)).map { "process \($0.processID)" } ?? "a process"
        return ("\(process) of this machine", true)
    }

    // MARK: Ending

    /// Takes no more connections and calls, waits until the running calls have ended, at most `limit`, and closes.
    package func drain(within limit: Duration = .seconds(30)) async {
        await withCheckedContinuation { continuation in
            loop.execute { self.drain(within: limit) { continuation.resume() } }
        }
    }

    /// The same with a closure, on the loop.
    package func drain(within limit: Duration, _ done: @escaping () -> Void) {
        drainWaiters.append(done)
        guard !isDraining else { return connectionEnded() }
        isDraining = true
        closeListeners()
        for connection in connections.values {
            let session = connection.session
            session.onStreamEnd = { [weak connection] in
                guard let connection, connection.session.streams.isEmpty else { return }
                connection.session.terminate()
            }
            // The pong shows that the client has read the notice, so that all calls it opened before are here.
            session.onPong = { [weak connection] in
                guard let connection else { return }
                connection.session.finishDrain()
                if connection.session.streams.isEmpty { connection.session.terminate() }
            }
            session.startDrain()
            session.ping()
        }
        _ = loop.schedule(after: limit) { [weak self] in self?.close() }
        connectionEnded()
    }

    /// Breaks all connections and serves on: what clients see when a network fails.
    package func dropConnections() {
        for connection in connections.values { connection.close(RPCError(.unavailable, "the connection was dropped")) }
    }

    /// Ends everything at once; clients are told that it is in order.
    package func close() {
        isDraining = true
        closeListeners()
        for connection in connections.values { connection.leave(RPCError(.unavailable, "the server was closed")) }
    }

    private func closeListeners() {
        for listener in listeners { listener.close() }
        listeners = []
    }

    private func connectionEnded() {
        guard isDraining, connections.isEmpty else { return }
        let waiters = drainWaiters
        drainWaiters = []
        for waiter in waiters { waiter() }
    }

    /// Open connections, for status and tests.
    package var connectionCount: Int { connections.count }
}
