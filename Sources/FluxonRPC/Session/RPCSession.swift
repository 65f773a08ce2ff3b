internal import CNGHTTP2

/// One side of a gRPC connection without socket, clock or thread: bytes in by `receive`, calls on `RPCStream`s, bytes out by `produce`.
///
/// Everything happens synchronously; the owner calls from one thread. Bytes of the peer never trap: they end a stream or the session.
final class RPCSession {
    enum Role: Sendable { case client, server }

    let role: Role
    let limits: RPCLimits
    // SAFETY: made in `init`, freed in `deinit`, used nowhere after; the callbacks' user data is this object, which outlives it.
    private(set) var handle: OpaquePointer
    var output = OutputQueue()
    var streams: [Int32: RPCStream] = [:]
    var headers = HeaderList()
    /// The path of the last request, so that the next one of the same path makes no string.
    var knownPath = ""

    /// Something waits to be produced.
    var onOutput: (() -> Void)?
    /// Server: a request's header fields are complete.
    var onRequest: ((RPCStream) -> Void)?
    /// The peer's first SETTINGS came: it speaks HTTP/2.
    var onReady: (() -> Void)?
    /// The peer takes no new calls on this connection.
    var onGoAway: ((_ reason: String) -> Void)?
    var onPong: (() -> Void)?
    /// A stream ended; the session may be empty now.
    var onStreamEnd: (() -> Void)?

    private(set) var isReady = false
    private(set) var hasGoAway = false
    /// nghttp2's own words about the last thing it did not like.
    private(set) var complaint: String?
    /// nghttp2 is at work further down the stack: the session must not end now.
    private(set) var isBusy = false
    private var writable: [RPCStream] = []
    /// What the peer may cost.
    var budget: ConnectionBudget
    /// nghttp2 stopped in the middle, since the turn's share is used: `receive` goes on, be it without new bytes.
    var isPaused = false
    /// A rule of HTTP/2 that the peer broke and nghttp2 does not hold.
    var violation: String?
    /// Of all streams: bytes of messages that nobody can use yet, and bytes queued and unsent.
    var unfinishedBytes = 0
    private(set) var queuedBytes = 0
    /// Half of what may be queued is: nobody should send more until it is a quarter.
    private(set) var isCrowded = false
    /// Client: calls that wait for the end of the turn, or until the server takes one more.
    var pending = CallQueue()
    /// Bytes that readers hold back, and how many of them the connection's window waits for.
    private var heldBytes = 0
    private var connectionDebt = 0

    init(role: Role, limits: RPCLimits) {
        self.role = role
        self.limits = limits
        budget = ConnectionBudget(limits: limits)
        handle = NGHTTP2.makeSession(isServer: role == .server, limits: limits)
        NGHTTP2.attach(handle, to: self)
        NGHTTP2.submitSettings(handle, role: role, limits: limits)
    }

    deinit { NGHTTP2.free(handle) }

    /// Neither side has anything to say any more: the connection is over.
    var isOver: Bool { nghttp2_session_want_read(handle) == 0 && nghttp2_session_want_write(handle) == 0 }

    var wantsWrite: Bool { nghttp2_session_want_write(handle) != 0 }

    // MARK: Bytes

    /// Takes bytes of the peer, up to what it may cost in this turn. An error ends the session, and `produce` may have a last frame then.
    ///
    /// - Returns: How many bytes it took. While `isPaused` it wants to be called again in the next turn, even without bytes.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(RPCError) -> Int {
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return 0 }
        isBusy = true
        defer { isBusy = false }
        isPaused = false
        let result = nghttp2_session_mem_recv(handle, base, bytes.count)
        _ = role == .client || budget.leaves(unsent: nghttp2_session_get_outbound_queue_size(handle))
        if let error = giveUp() { throw error }
        guard result >= 0 else {
            let words = String(cString: nghttp2_strerror(CInt(truncatingIfNeeded: result)))
            throw RPCError(
                .unavailable, "the peer broke HTTP/2: \(complaint ?? words); check that it speaks gRPC without TLS on this address")
        }
        return isPaused ? result : bytes.count
    }

    /// Moves what waits into `output`, up to about `limit` bytes.
    func produce(limit: Int) throws(RPCError) {
        defer { deliverWritable() }
        isBusy = true
        defer { isBusy = false }
        submitPending()
        while output.byteCount < limit {
            var pointer: UnsafePointer<UInt8>?
            let before = output.byteCount
            let count = nghttp2_session_mem_send(handle, &pointer)
            guard count >= 0 else {
                throw RPCError(
                    .internalError, "HTTP/2 frames could not be made: \(String(cString: nghttp2_strerror(CInt(truncatingIfNeeded: count))))"
                )
            }
            output.append(UnsafeRawBufferPointer(start: pointer, count: count))
            if count == 0, output.byteCount == before { return }
        }
    }

    // MARK: Control

    func ping() {
        nghttp2_submit_ping(handle, 0, nil)
        onOutput?()
    }

    /// Tells the peer to open no more calls; those under way go on. `finishDrain` a round trip later makes it final.
    func startDrain() {
        if role == .server { nghttp2_submit_shutdown_notice(handle) }
        onOutput?()
    }

    func finishDrain() {
        let last = nghttp2_session_get_last_proc_stream_id(handle)
        nghttp2_submit_goaway(handle, 0, last, UInt32(NGHTTP2_NO_ERROR.rawValue), nil, 0)
        onOutput?()
    }

    /// Ends the session at once, telling the peer that it is in order.
    func terminate() {
        nghttp2_session_terminate_session(handle, UInt32(NGHTTP2_NO_ERROR.rawValue))
        onOutput?()
    }

    /// The connection is gone: every call ends with `status`.
    func end(with status: RPCStatus) {
        precondition(!isBusy, "a session cannot end while it reads or writes")
        let ended = streams
        streams = [:]
        for id in ended.keys.sorted() { ended[id]?.connectionEnded(status) }
        var unseen = status
        unseen.isUnprocessed = true
        for stream in takePending() { stream.end(unseen) }
    }

    /// Told once the frames are made, so that callbacks do not run in the middle of it.
    func becameWritable(_ stream: RPCStream) { writable.append(stream) }

    private func deliverWritable() {
        guard !writable.isEmpty else { return }
        var streams: [RPCStream] = []
        swap(&streams, &writable)
        for stream in streams { stream.onWritable?() }
    }

    /// So many bytes more, or less, are queued by one of the streams.
    func queued(_ byteCount: Int) {
        queuedBytes += byteCount
        if queuedBytes >= limits.connectionQueuedBytes / 2 {
            isCrowded = true
        } else if isCrowded, queuedBytes <= limits.connectionQueuedBytes / 4 {
            isCrowded = false
            writable += streams.values.filter { $0.queuedBytes <= limits.writableBytes / 2 }
        }
    }

    // MARK: Flow control

    /// Bytes came and their reader took them at once.
    func consume(_ stream: RPCStream, _ count: Int) { nghttp2_session_consume(handle, stream.id, count) }

    /// Bytes came and their reader does not take them now. The connection's window goes on as long as not too much is held.
    func hold(_ count: Int) {
        if heldBytes < limits.heldBytes {
            nghttp2_session_consume_connection(handle, count)
        } else {
            connectionDebt += count
        }
        heldBytes += count
    }

    /// Held bytes were taken. `stream` is nil when it is gone and only the connection's window is left.
    func consumeHeld(_ stream: RPCStream?, _ count: Int) {
        guard count > 0 else { return }
        heldBytes -= count
        if let stream { nghttp2_session_consume_stream(handle, stream.id, count) }
        let paid = min(connectionDebt, count)
        if paid > 0 {
            connectionDebt -= paid
            nghttp2_session_consume_connection(handle, paid)
        }
        onOutput?()
    }

    // MARK: What nghttp2 reports (NGHTTP2+Callbacks.swift)

    func requestBegan(id: Int32) {
        let stream = RPCStream(session: self, id: id)
        streams[id] = stream
        budget.beganCall()
        nghttp2_session_set_stream_user_data(handle, id, Unmanaged.passUnretained(stream).toOpaque())
    }

    func streamClosed(id: Int32, errorCode: UInt32) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        if errorCode == UInt32(NGHTTP2_NO_ERROR.rawValue) { budget.endedCall() }
        stream.closed(errorCode: errorCode)
        if !pending.isEmpty { onOutput?() }
        onStreamEnd?()
    }

    func settingsReceived() {
        guard !isReady else { return }
        isReady = true
        onReady?()
    }

    func goAwayReceived(_ reason: String) {
        hasGoAway = true
        onGoAway?(reason)
    }

    /// The session ends with a GOAWAY of ours that names an error.
    func gaveUp(_ words: String) { if complaint == nil { complaint = "it broke HTTP/2: \(words)" } }

    func complained(_ words: String) { complaint = words }
}
