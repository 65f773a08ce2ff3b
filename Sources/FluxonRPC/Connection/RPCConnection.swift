internal import FluxonCore
internal import FluxonSystem
internal import FluxonTLS

/// A socket with a session on it. On its loop only; held by its server or client until `onClose`.
///
/// Reads and writes until the kernel says stop (edge-triggered), flushes once per turn of the loop, and produces frames only when
/// the last ones are in the socket, so that a slow peer fills its windows and not our memory.
final class RPCConnection {
    let loop: EventLoop
    let session: RPCSession
    let peer: String
    private(set) var isClosed = false
    /// Once, when the connection is over; nil: in order.
    var onClose: ((RPCError?) -> Void)?

    private var descriptor: Descriptor?
    private var registration: Registration?
    private let buffer: ReadBuffer
    private var isFlushScheduled = false
    /// The socket takes nothing now. Only then is it watched for writing: each message that a peer reads would report it.
    private var isBlocked = false {
        didSet { watch() }
    }
    private var hasReadLastWords = false
    private let tls: TLSSession?
    /// With TLS: what goes on the wire.
    private var encrypted = OutputQueue()
    private var keepalive: Keepalive?
    private var setupTimer: LoopTimer?
    private var hasActivity = false
    /// A close asked for while nghttp2 was at work.
    private var pendingClose: RPCError??

    /// Bytes of frames made at one time.
    private static let produceBytes = 1 << 20
    /// Reads before others get their turn.
    private static let readsPerTurn = 16

    init(
        loop: EventLoop, descriptor: consuming Descriptor, role: RPCSession.Role, limits: RPCLimits, peer: String, buffer: ReadBuffer,
        keepalive: RPCKeepalive?, tls: TLSSession? = nil, isLocal: Bool
    ) throws(SystemError) {
        self.loop = loop
        self.peer = peer
        self.buffer = buffer
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

    // MARK: Reading

    private func ready(_ readiness: Readiness) {
        guard !isClosed else { return }
        if readiness.contains(.writable), isBlocked {
            isBlocked = false
            scheduleFlush()
        }
        if readiness.isReadable { read(untilEnd: readiness.isEnd) }
    }

    /// Takes bytes that somebody else has read off the socket already.
    func receive(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        bytes.withUnsafeBytes { deliver($0) }
    }

    private func read(untilEnd: Bool) {
        for _ in 0..<Self.readsPerTurn {
            guard !isClosed, let number = descriptor?.number else { return }
            switch Socket.receive(number, into: buffer.bytes) {
            case .moved(let count):
                hasActivity = true
                deliver(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.bytes)[..<count]))
                // A short read has emptied the socket: the next bytes make a new report.
                if count < buffer.bytes.count, !untilEnd { return }
            case .wouldBlock: return
            case .ended: return close(closedByPeer)
            case .failed(let errno):
                let cause = SystemError("read from \(peer)", errno: errno)
                return close(RPCError(.unavailable, "the connection to \(peer) broke", cause: cause))
            }
        }
        loop.inNextTick { self.read(untilEnd: untilEnd) }
    }

    private func deliver(_ bytes: UnsafeRawBufferPointer) {
        // A TLS handshake or alert where HTTP/2 should begin.
        if tls == nil, !session.isReady, bytes.count >= 2, bytes[0] == 0x15 || bytes[0] == 0x16, bytes[1] == 3 {
            return close(RPCError(tls: .needsTLS(peer), peer: peer))
        }
        do throws(RPCError) {
            if let tls {
                try tls.receive(bytes, buffer: buffer.plain) { plain throws(RPCError) in try session.receive(plain) }
            } else {
                try session.receive(bytes)
            }
        } catch {
            sayGoodbye()
            return close(error)
        }
        settle()
        if tls?.isClosed == true { return close(closedByPeer) }
        // Answers to frames of the peer (SETTINGS, PING, WINDOW_UPDATE) are made by nghttp2 alone.
        if !isClosed, session.wantsWrite || tls?.isEstablished == false { scheduleFlush() } else { closeIfOver() }
    }

    private var closedByPeer: RPCError {
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
    private func sayGoodbye() {
        guard !isClosed, !isBlocked else { return }
        if let tls {
            var nothing = OutputQueue()
            try? tls.encrypt(&nothing, into: &encrypted)
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
                    read(untilEnd: true)
                }
                let cause = SystemError("write to \(peer)", errno: errno)
                return close(RPCError(.unavailable, "the connection to \(peer) broke", cause: cause))
            }
        }
    }

    // MARK: Ending

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
        let status = error?.status ?? RPCStatus(.unavailable, "the connection to \(peer) was closed")
        session.end(with: status)
        session.onOutput = nil
        let onClose = onClose
        self.onClose = nil
        onClose?(error)
    }

    private func settle() {
        guard let error = pendingClose else { return }
        pendingClose = nil
        close(error)
    }

    private func closeIfOver() {
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
