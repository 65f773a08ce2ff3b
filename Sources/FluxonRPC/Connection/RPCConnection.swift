internal import FluxonCore
internal import FluxonSystem
internal import FluxonTLS

/// A socket with a session on it. On its loop only; held by its server or client until `onClose`.
///
/// Reads one piece in a turn of the loop, and of that what the session's budget lets it: others have their turn, however much comes here
/// (RPCConnection+Reading). Flushes once per turn, and produces frames only when the last ones are in the socket, so that a slow peer
/// fills its windows and not our memory.
final class RPCConnection {
    let loop: EventLoop
    let session: RPCSession
    let peer: String
    private(set) var isClosed = false
    /// Once, when the connection is over; nil: in order.
    var onClose: ((RPCError?) -> Void)?

    private var descriptor: Descriptor?
    private var registration: Registration?
    let buffer: ReadBuffer
    /// Bytes that the budget left for the next turn, from `unreadStart` on. The socket is not read meanwhile.
    var unread: [UInt8] = []
    var unreadStart = 0
    /// The next turn goes on reading: reports of the kernel start nothing beside it.
    var willRead = false
    /// The kernel reported the end: no report comes after it.
    var isEndReported = false
    /// When bytes came last, in the order of this loop's reads: silence without reading a clock.
    private(set) var lastRead = 0
    private var isFlushScheduled = false
    /// The socket takes nothing now. Only then is it watched for writing: each message that a peer reads would report it.
    private var isBlocked = false {
        didSet { watch() }
    }
    private var hasReadLastWords = false
    let tls: TLSSession?
    /// With TLS: what goes on the wire.
    private var encrypted = OutputQueue()
    private var keepalive: Keepalive?
    private var setupTimer: LoopTimer?
    private var hasActivity = false
    /// A close asked for while nghttp2 was at work.
    private var pendingClose: RPCError??

    /// Bytes of frames made at one time.
    private static let produceBytes = 1 << 20
    /// What the last frames may take.
    private static let lastWordsBytes = 4 << 10

    init(
        loop: EventLoop, descriptor: consuming Descriptor, role: RPCSession.Role, limits: RPCLimits, peer: String, buffer: ReadBuffer,
        keepalive: RPCKeepalive?, tls: TLSSession? = nil, isLocal: Bool
    ) throws(SystemError) {
        self.loop = loop
        self.peer = peer
        self.buffer = buffer
        lastRead = buffer.reads
        self.tls = tls
        session = RPCSession(role: role, limits: limits)
        try descriptor.setNonBlocking()
        let number = descriptor.number
        self.descriptor = consume descriptor
        registration = try loop.register(number, [.readable, .edgeTriggered]) { self.ready($0) }
        // These closures and this object hold each other until `close`.
        session.onOutput = { self.scheduleFlush() }
        if !isLocal { watchSetup() }
        if let keepalive, !isLocal { self.keepalive = Keepalive(keepalive, connection: self) }
        scheduleFlush()
    }

    var socketNumber: CInt? { descriptor?.number }

    /// The common name in the peer's verified certificate, nil without one.
    var peerName: String? { tls?.peerName }

    private func watchSetup() {
        let limit = session.limits.setupTime
        setupTimer = loop.schedule(after: limit) { [self] in
            guard !session.isReady else { return }
            close(RPCError(.unavailable, "\(peer) did not speak HTTP/2 within \(limit); check that the address is a gRPC server"))
        }
    }

    private func watch() {
        do throws(SystemError) {
            try registration?.modify(isBlocked ? [.readable, .writable, .edgeTriggered] : [.readable, .edgeTriggered])
        } catch {
            // Its descriptor is open and watched: only a kernel without memory refuses. Nothing would wake this connection again.
            let failure = RPCError(.unavailable, "the connection to \(peer) cannot be watched", cause: error)
            loop.inNextTick { self.close(failure) }
        }
    }

    private func ready(_ readiness: Readiness) {
        guard !isClosed else { return }
        if readiness.contains(.writable), isBlocked {
            isBlocked = false
            scheduleFlush()
        }
        guard readiness.isReadable else { return }
        if readiness.isEnd { isEndReported = true }
        if !willRead { read() }
    }

    func noteActivity() {
        hasActivity = true
        buffer.reads += 1
        lastRead = buffer.reads
    }

    var closedByPeer: RPCError {
        if session.isReady { return RPCError(.unavailable, "\(peer) closed the connection") }
        let hint = tls == nil ? "without TLS" : "with TLS"
        return RPCError(
            .unavailable, "\(peer) closed the connection before it spoke HTTP/2; check that it serves gRPC \(hint) on this address")
    }

    // MARK: Writing

    func scheduleFlush() {
        guard !isFlushScheduled, !isClosed else { return }
        isFlushScheduled = true
        loop.atEndOfTick { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    private func flush() {
        do throws(RPCError) {
            while !isClosed, !isBlocked {
                if isWireEmpty {
                    try fill()
                    if isClosed || isWireEmpty { break }
                }
                write()
            }
        } catch {
            sayGoodbye()
            return close(error)
        }
        closeIfOver()
    }

    private var isWireEmpty: Bool { tls == nil ? session.output.isEmpty : encrypted.isEmpty }

    private func fill() throws(RPCError) {
        if let tls {
            if !tls.isEstablished { try tls.shakeHands() }
            if tls.isEstablished { try session.produce(limit: Self.produceBytes) }
            try tls.encrypt(&session.output, into: &encrypted)
        } else {
            try session.produce(limit: Self.produceBytes)
        }
        settle()
    }

    /// Tries to get the last words of TLS (its alert) or HTTP/2 (its GOAWAY) out before the socket closes.
    func sayGoodbye() {
        guard !isClosed, !isBlocked else { return }
        do throws(RPCError) {
            try session.produce(limit: session.output.byteCount + Self.lastWordsBytes)
            if let tls { try tls.encrypt(&session.output, into: &encrypted) }
        } catch {
            // It ends anyway, and what ended it is known.
        }
        write()
    }

    private func write() {
        guard let number = descriptor?.number else { return }
        while !isWireEmpty {
            let result = tls == nil ? session.output.withFirst { Socket.send(number, $0) } : encrypted.withFirst { Socket.send(number, $0) }
            switch result {
            case .moved(let count): if tls == nil { session.output.removeFirst(count) } else { encrypted.removeFirst(count) }
            case .wouldBlock:
                isBlocked = true
                return
            case .ended: return
            case .failed(let errno):
                // What the peer sent before it closed may say why: it is read first, and ends the connection.
                if !hasReadLastWords {
                    hasReadLastWords = true
                    readLastWords()
                }
                let cause = SystemError("write to \(peer)", errno: errno)
                return close(RPCError(.unavailable, "the connection to \(peer) broke", cause: cause))
            }
        }
    }

    // MARK: Ending

    /// Tells the peer that no call goes on here, ends all calls and lets go of the socket.
    func leave(_ error: RPCError) {
        if !session.isBusy {
            session.terminate()
            sayGoodbye()
        }
        close(error)
    }

    /// Ends all calls with `unavailable` and lets go of the socket. Nil: in order.
    func close(_ error: RPCError?) {
        guard !isClosed else { return }
        guard !session.isBusy else {
            if pendingClose == nil { pendingClose = .some(error) }
            return
        }
        if error == nil, let tls {
            tls.close()
            sayGoodbye()
        }
        isClosed = true
        keepalive?.stop()
        setupTimer?.cancel()
        registration?.cancel()
        registration = nil
        descriptor = nil
        unread = []
        let status = error?.status ?? RPCStatus(.unavailable, "the connection to \(peer) was closed")
        session.end(with: status)
        session.onOutput = nil
        let onClose = onClose
        self.onClose = nil
        onClose?(error)
    }

    func settle() {
        guard let error = pendingClose else { return }
        pendingClose = nil
        close(error)
    }

    func closeIfOver() {
        guard !isClosed, session.isOver, session.output.isEmpty, isWireEmpty else { return }
        close(session.complaint.map { RPCError(.unavailable, "the connection to \(peer) was given up: \($0)") })
    }

    /// Whether bytes came since the last question.
    func takeActivity() -> Bool {
        defer { hasActivity = false }
        return hasActivity
    }
}

/// What the connections of one loop read into, one after the other: all of it is taken before the next read.
final class ReadBuffer {
    let bytes: UnsafeMutableRawBufferPointer
    /// How many pieces the connections have read, all together.
    var reads = 0
    /// What TLS decrypts into: it reads from `bytes` meanwhile.
    var plain: UnsafeMutableRawBufferPointer {
        if let plainStorage { return plainStorage }
        let made = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)
        plainStorage = made
        return made
    }
    private var plainStorage: UnsafeMutableRawBufferPointer?

    init(byteCount: Int = 256 << 10) { bytes = .allocate(byteCount: byteCount, alignment: 64) }

    deinit {
        bytes.deallocate()
        plainStorage?.deallocate()
    }
}
