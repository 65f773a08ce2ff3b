internal import FluxonCore
internal import FluxonSystem

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
    private var isBlocked = false
    private var keepalive: Keepalive?
    private var hasActivity = false
    /// A close asked for while nghttp2 was at work.
    private var pendingClose: RPCError??

    /// Bytes of frames made at one time.
    private static let produceBytes = 1 << 20
    /// Reads before others get their turn.
    private static let readsPerTurn = 16

    init(
        loop: EventLoop, descriptor: consuming Descriptor, role: RPCSession.Role, limits: RPCLimits, peer: String, buffer: ReadBuffer,
        keepalive: RPCKeepalive?
    ) throws(SystemError) {
        self.loop = loop
        self.peer = peer
        self.buffer = buffer
        session = RPCSession(role: role, limits: limits)
        try descriptor.setNonBlocking()
        let number = descriptor.number
        self.descriptor = consume descriptor
        registration = try loop.register(number, [.readable, .writable, .edgeTriggered]) { [weak self] in self?.ready($0) }
        session.onOutput = { [weak self] in self?.scheduleFlush() }
        if let keepalive { self.keepalive = Keepalive(keepalive, connection: self) }
        scheduleFlush()
    }

    // MARK: Reading

    private func ready(_ readiness: Readiness) {
        guard !isClosed else { return }
        if readiness.contains(.writable), isBlocked {
            isBlocked = false
            scheduleFlush()
        }
        if !readiness.isDisjoint(with: [.readable, .closed, .failed]) { read(untilEnd: !readiness.isDisjoint(with: [.closed, .failed])) }
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
            case .ended: return close(RPCError(.unavailable, "\(peer) closed the connection"))
            case .failed(let errno):
                let cause = SystemError("read from \(peer)", errno: errno)
                return close(RPCError(.unavailable, "the connection to \(peer) broke", cause: cause))
            }
        }
        loop.inNextTick { [weak self] in self?.read(untilEnd: untilEnd) }
    }

    private func deliver(_ bytes: UnsafeRawBufferPointer) {
        do throws(RPCError) { try session.receive(bytes) } catch { return close(error) }
        settle()
        // Answers to frames of the peer (SETTINGS, PING, WINDOW_UPDATE) are made by nghttp2 alone.
        if !isClosed, session.wantsWrite { scheduleFlush() } else { closeIfOver() }
    }

    // MARK: Writing

    func scheduleFlush() {
        guard !isFlushScheduled, !isClosed else { return }
        isFlushScheduled = true
        loop.atEndOfTick { [weak self] in
            self?.isFlushScheduled = false
            self?.flush()
        }
    }

    private func flush() {
        while !isClosed, !isBlocked {
            if session.output.isEmpty {
                do throws(RPCError) { try session.produce(limit: Self.produceBytes) } catch { return close(error) }
                settle()
                if session.output.isEmpty { break }
            }
            write()
        }
        closeIfOver()
    }

    private func write() {
        guard let number = descriptor?.number else { return }
        while !session.output.isEmpty {
            switch session.output.withFirst({ Socket.send(number, $0) }) {
            case .moved(let count): session.output.removeFirst(count)
            case .wouldBlock:
                isBlocked = true
                return
            case .ended: return
            case .failed(let errno):
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
        isClosed = true
        keepalive?.stop()
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
        guard !isClosed, session.isOver, session.output.isEmpty else { return }
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

    init(byteCount: Int = 256 << 10) { bytes = .allocate(byteCount: byteCount, alignment: 64) }

    deinit { bytes.deallocate() }
}
