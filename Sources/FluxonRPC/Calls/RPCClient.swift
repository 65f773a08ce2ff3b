internal import FluxonCore
package import FluxonSystem
package import FluxonTLS

/// Calls to one server, over one connection at a time, made when the first call needs it and again when it is lost.
///
/// After a failed attempt calls fail at once with its error until the next attempt is due (20 ms, growing by 1.6 to 2 s), except
/// those that wait for a connection. A call dies with its connection: `unavailable`, with the cause.
///
///     let client = RPCClient(loop: loop, target: .tcp(host: "10.0.0.1", port: 7000))
///     let answer = try await client.unary("/demo.Echo/Say", Array("hello".utf8), deadline: .seconds(1))
package final class RPCClient: @unchecked Sendable {
    // SAFETY: all variables are touched on the loop alone; methods for other threads go there first.
    package let loop: EventLoop
    package let target: SocketAddress
    let limits: RPCLimits
    let keepalive: RPCKeepalive?
    private let connectTimeout: Duration
    private let tls: TLSContext?
    private let tlsHost: String
    private let targetName: String
    /// What the `:authority` field says.
    private let authority: String

    private enum State {
        case idle
        case connecting(ConnectionAttempt)
        case connected(RPCConnection)
        /// The last attempt failed; the next one is due at the instant.
        case waiting(until: BootInstant, error: RPCError, timer: LoopTimer?)
        case closed
    }
    private var state = State.idle
    private var waiting = CallQueue()
    private var backoff = Backoff(first: .milliseconds(20), longest: .seconds(2))
    /// Connections that take no new calls and still have old ones.
    private var draining: [ObjectIdentifier: RPCConnection] = [:]
    private let buffer = ReadBuffer()

    /// On the loop: the last attempt to connect failed, for whatever reason, and none has succeeded since.
    package private(set) var couldNotConnect = false
    /// On the loop: the connection was lost or given up, with the reason.
    package var onDisconnect: ((RPCError) -> Void)?
    /// On the loop: the server has answered on a new connection.
    package var onConnect: (() -> Void)?

    /// The deadline of calls that name none.
    package static let defaultDeadline = Duration.seconds(30)

    /// - Parameters:
    ///   - connectTimeout: Time for an attempt to connect to one address.
    ///   - tlsHost: What the server's certificate must be for; nil: the target's host.
    package init(
        loop: EventLoop, target: SocketAddress, limits: RPCLimits = RPCLimits(), keepalive: RPCKeepalive? = RPCKeepalive(),
        connectTimeout: Duration = .seconds(5), tls: TLSContext? = nil, tlsHost: String? = nil
    ) {
        self.connectTimeout = connectTimeout
        self.tls = tls
        self.tlsHost = tlsHost ?? target.host
        targetName = "\(target)"
        authority = if case .unix = target { "localhost" } else { targetName }
        self.loop = loop
        self.target = target
        self.limits = limits
        self.keepalive = keepalive
    }

    /// A client on a socket that is connected already, for example a passed one. It cannot connect again.
    package convenience init(
        loop: EventLoop, adopting descriptor: consuming Descriptor, name: String, limits: RPCLimits = RPCLimits()
    ) {
        self.init(loop: loop, target: .unix(name), limits: limits, keepalive: nil)
        cannotReconnect = true
        // Before the first call can be opened, or that one would look for a server of this name.
        let number = descriptor.release()
        if loop.isCurrent {
            connected(Descriptor(owning: number))
        } else {
            loop.execute { self.connected(Descriptor(owning: number)) }
        }
    }
    private var cannotReconnect = false

    deinit {
        // Sockets, timers and callbacks belong to the loop. What held this client was the last user of it, so its calls end.
        let left = OnLoop((state, draining, waiting.removeAll()))
        loop.execute {
            let (state, draining, waiting) = left.value
            Self.end(state, draining, waiting)
        }
    }

    // MARK: Calls (loop only)

    /// Starts a call. Set its callbacks before returning to the loop. It ends by itself after `deadline` (nil: the default).
    ///
    /// - Parameter waitsForConnection: wait, up to the deadline, where nobody can be reached now.
    package func open(
        _ path: String, metadata: RPCMetadata = RPCMetadata(), deadline: Duration? = nil, waitsForConnection: Bool = false
    ) -> RPCStream {
        start(path, metadata: metadata, deadline: deadline ?? Self.defaultDeadline, waitsForConnection: waitsForConnection)
    }

    /// The same for a stream that lives as long as its connection: keepalive ends it, not a deadline.
    package func openWithoutDeadline(
        _ path: String, metadata: RPCMetadata = RPCMetadata(), waitsForConnection: Bool = false
    ) -> RPCStream {
        start(path, metadata: metadata, deadline: nil, waitsForConnection: waitsForConnection)
    }

    private func start(_ path: String, metadata: RPCMetadata, deadline: Duration?, waitsForConnection: Bool) -> RPCStream {
        let stream = RPCStream(path: path, metadata: metadata, limits: limits)
        stream.peer = targetName
        stream.timeout = deadline
        stream.isPatient = waitsForConnection
        if let deadline {
            let instant = loop.now.advanced(by: deadline)
            stream.deadline = instant
            stream.timer = loop.schedule(at: instant) { [self] in
                // A call that still waits for a connection was seen by nobody.
                stream.expire(
                    RPCStatus(
                        .deadlineExceeded, "no answer within \(deadline)\(connectionProblem)", cause: lastError,
                        isUnprocessed: stream.onDetach != nil))
            }
        }
        attach(stream)
        return stream
    }

    private func attach(_ stream: RPCStream) {
        switch state {
        case .connected(let connection):
            if !connection.session.hasGoAway, put(stream, on: connection, hasWaited: false) { return }
            retire(connection)
            attach(stream)
        case .connecting: wait(stream)
        case .idle:
            wait(stream)
            connect()
        case .waiting(let until, let error, let timer):
            if loop.now >= until, !cannotReconnect {
                timer?.cancel()
                wait(stream)
                connect()
            } else if stream.isPatient, !cannotReconnect {
                wait(stream)
                if timer == nil { retry(at: until, error) }
            } else {
                endSoon(stream, error.status)
            }
        case .closed: endSoon(stream, RPCStatus(.cancelled, "the client was closed"))
        }
    }

    /// The caller has not set its callbacks yet.
    private func endSoon(_ stream: RPCStream, _ status: RPCStatus) {
        loop.inNextTick { stream.end(RPCStatus(status.code, status.message, cause: status.cause, isUnprocessed: true)) }
    }

    private func wait(_ stream: RPCStream) {
        waiting.append(stream)
        stream.onDetach = { [weak self, unowned stream] in self?.waiting.remove(stream) }
    }

    private func put(_ stream: RPCStream, on connection: RPCConnection, hasWaited: Bool) -> Bool {
        // A fresh call sends its timeout as it was given: the same text each time, which HPACK makes one byte of.
        let timeout = hasWaited ? stream.deadline.map { max($0.since(loop.now), .nanoseconds(1)) } : stream.timeout
        return connection.session.open(
            stream, RPCStream.Opening(authority: authority, scheme: tls == nil ? "http" : "https", timeout: timeout))
    }

    // MARK: The connection

    private func connect() {
        let attempt = ConnectionAttempt(loop: loop, target: target, timeLimit: connectTimeout)
        state = .connecting(attempt)
        attempt.start { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let number): connected(Descriptor(owning: number))
            case .failure(let error):
                couldNotConnect = true
                failed(RPCError(.unavailable, "\(target) cannot be reached", cause: error))
            }
        }
    }

    private func connected(_ descriptor: consuming Descriptor) {
        if case .closed = state { return }
        couldNotConnect = false
        let isLocal = if case .unix = target { true } else { false }
        let connection: RPCConnection
        do throws(SystemError) {
            connection = try RPCConnection(
                loop: loop, descriptor: descriptor, role: .client, limits: limits, peer: "\(target)", buffer: buffer,
                keepalive: keepalive, tls: tls?.makeSession(host: tlsHost, peer: "\(target)", protocol: .http2), isLocal: isLocal)
        } catch {
            return failed(RPCError(.unavailable, "\(target) cannot be used", cause: error))
        }
        state = .connected(connection)
        connection.session.onReady = { [weak self] in
            self?.backoff.succeeded()
            self?.onConnect?()
        }
        connection.session.onGoAway = { [weak self, unowned connection] _ in self?.retire(connection) }
        connection.onClose = { [weak self, unowned connection] error in self?.lost(connection, error) }
        while let stream = waiting.popFirst() {
            stream.onDetach = nil
            if !put(stream, on: connection, hasWaited: true) {
                stream.end(RPCStatus(.unavailable, "the new connection takes no calls", isUnprocessed: true))
            }
        }
    }

    /// New calls go elsewhere; the connection stays until its last call has ended.
    private func retire(_ connection: RPCConnection) {
        guard case .connected(let current) = state, current === connection else { return }
        state = .idle
        draining[ObjectIdentifier(connection)] = connection
        connection.session.onStreamEnd = { [unowned connection] in
            if connection.session.isIdle { connection.session.terminate() }
        }
        // What the server has not seen goes to the next connection.
        for stream in connection.session.takePending() { attach(stream) }
        if connection.session.isIdle { connection.session.terminate() }
    }

    private func lost(_ connection: RPCConnection, _ error: RPCError?) {
        draining[ObjectIdentifier(connection)] = nil
        guard case .connected(let current) = state, current === connection else { return }
        failed(error ?? RPCError(.unavailable, "\(target) closed the connection"))
    }

    private func failed(_ error: RPCError) {
        if case .closed = state { return }
        let until = loop.now.advanced(by: backoff.next())
        state = .waiting(until: until, error: error, timer: nil)
        let waiters = waiting.removeAll()
        for stream in waiters where stream.isPatient { waiting.append(stream) }
        for stream in waiters where !stream.isPatient {
            stream.onDetach = nil
            stream.end(RPCStatus(.unavailable, error.message, cause: error.cause, isUnprocessed: true))
        }
        if !waiting.isEmpty { retry(at: until, error) }
        onDisconnect?(error)
    }

    private func retry(at instant: BootInstant, _ error: RPCError) {
        let timer = loop.schedule(at: instant) { [weak self] in
            guard let self, case .waiting = state else { return }
            if waiting.isEmpty { state = .idle } else { connect() }
        }
        state = .waiting(until: instant, error: error, timer: timer)
    }

    private var lastError: RPCError? {
        if case .waiting(_, let error, _) = state { return error }
        return nil
    }

    private var connectionProblem: String {
        switch state {
        case .idle, .connected, .closed: ""
        case .connecting: ": no connection to \(target) yet"
        case .waiting: ": no connection to \(target)"
        }
    }

    /// Ends all calls as cancelled and the connection; later calls fail. From any thread.
    package func close() {
        guard loop.isCurrent else { return loop.execute { self.close() } }
        let (old, oldDraining, waiters) = (state, draining, waiting.removeAll())
        state = .closed
        draining = [:]
        Self.end(old, oldDraining, waiters)
        onDisconnect = nil
        onConnect = nil
    }

    private static func end(_ state: State, _ draining: [ObjectIdentifier: RPCConnection], _ waiting: [RPCStream]) {
        let error = RPCError(.cancelled, "the client was closed")
        switch state {
        case .connected(let connection): connection.close(error)
        case .connecting(let attempt): attempt.cancel()
        case .waiting(_, _, let timer): timer?.cancel()
        case .idle, .closed: break
        }
        for connection in draining.values { connection.close(error) }
        for stream in waiting { stream.end(error.status) }
    }

    /// Whether a connection stands (on the loop).
    package var isConnected: Bool {
        if case .connected = state { return true }
        return false
    }
}
