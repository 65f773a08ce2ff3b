import FluxonCore
import FluxonSystem
import FluxonTLS

/// The asker's end of one connection. On the loop only.
///
///     connecting ──▶ ready (with or without a read) ──▶ closed
final class TCPConnection {
    private enum State { case connecting, ready, closed }

    private let peer: TCPPeer
    private let transport: TCPTransport
    private var state = State.connecting
    private var attempt: ConnectionAttempt?
    private var descriptor: Descriptor?
    private var number: CInt = -1
    private var registration: Registration?
    /// Nil until connected.
    private var stream: BulkStream?
    private var host = ""
    /// Greeting and request as far as they are not sent.
    private var output: [UInt8] = []
    private var read: TCPRead?
    private var receiver: ResponseReceiver?
    /// Reads that ended well on this connection.
    private var useCount = 0
    private var lastProgress: BootInstant
    private var watch: LoopTimer?

    init(peer: TCPPeer, transport: TCPTransport) {
        self.peer = peer
        self.transport = transport
        lastProgress = transport.loop.now
        output = transport.greeting.encoded()
    }

    /// It had served before and answered the last request with no byte: most likely the source closed it for being idle.
    var diedUnused: Bool { useCount > 0 && receiver?.position == 0 }

    // MARK: Connecting

    func connect() {
        let address: SocketAddress
        do throws(SystemError) { address = try SocketAddress(parsing: peer.address) } catch {
            return close(.connectFailed("\(error)"))
        }
        if case .tcp(let name, _) = address { host = name }
        let attempt = ConnectionAttempt(loop: transport.loop, target: address, timeLimit: transport.limits.connect)
        self.attempt = attempt
        attempt.start { [weak self] result in self?.attempted(result) }
    }

    private func attempted(_ result: Result<CInt, SystemError>) {
        attempt = nil
        do throws(SystemError) {
            let number = try result.get()
            let descriptor = Descriptor(owning: number)
            guard state == .connecting else { return }
            self.descriptor = consume descriptor
            self.number = number
            registration = try transport.loop.register(number, .readable) { [unowned self] in ready($0) }
            connected()
        } catch {
            close(.connectFailed("\(error)"))
        }
    }

    private func connected() {
        state = .ready
        stream = BulkStream(number, tls: transport.tls?.makeSession(host: host, peer: peer.address, protocol: .bulk))
        lastProgress = transport.loop.now
        watchProgress()
        flush()
    }

    // MARK: Reads

    func start(_ read: TCPRead) {
        self.read = read
        read.connection = self
        stream?.wake(after: 1)
        let request = RangeRequest(
            ticket: read.order.ticket, version: read.order.version, range: read.order.range, chunkBytes: transport.limits.chunkBytes)
        output += request.encoded()
        receiver = ResponseReceiver(length: read.byteCount, chunkBytes: transport.limits.chunkBytes, destination: read.order.destination)
        #if FLUXON_PLANTING
        receiver?.planted = transport.limits.planted
        #endif
        lastProgress = transport.loop.now
        if state == .ready { flush() }
    }

    /// Closes the path of a read that nobody wants any more.
    ///
    /// - Returns: Bytes that had arrived intact.
    func abandon(_ read: TCPRead) -> Int {
        guard self.read === read else { return 0 }
        let verified = receiver?.verified ?? 0
        self.read = nil
        close(.cancelled)
        return verified
    }

    func close(_ reason: TransferError.Reason) {
        guard state != .closed else { return }
        state = .closed
        attempt?.cancel()
        attempt = nil
        watch?.cancel()
        registration?.cancel()
        descriptor = nil
        let read = read
        self.read = nil
        peer.closed(self, read: read, reason: reason, verified: receiver?.verified ?? 0)
    }

    // MARK: The socket

    private func ready(_ readiness: Readiness) {
        if readiness.contains(.writable) { flush() }
        guard state == .ready, readiness.isReadable else { return }
        receive()
        // A handshake may have ended, for which greeting and request wait, or have something to say.
        if state == .ready, stream?.interest(sends: !output.isEmpty) != .readable { flush() }
    }

    private func flush() {
        guard let stream else { return }
        if case .failed(let reason) = stream.flush() { return close(reason) }
        sending: while !output.isEmpty {
            switch output.withUnsafeBytes({ stream.send([$0]) }) {
            case .moved(let count): output.removeFirst(count)
            case .wouldBlock: break sending
            case .failed(let reason): return close(reason)
            }
        }
        watch(stream.interest(sends: !output.isEmpty))
    }

    private func watch(_ interest: Interest) {
        do throws(SystemError) { try registration?.modify(interest) } catch { close(.connectionLost("\(error)")) }
    }

    private func receive() {
        // Nobody asked for anything: the source closed the connection, or breaks the protocol.
        guard read != nil, let stream, var receiver else { return close(.connectionLost("closed by the source while idle")) }
        // The struct moves out and back, so that it is changed in place.
        self.receiver = nil
        let outcome = receiver.receive(from: stream, budget: transport.limits.bytesPerTurn)
        self.receiver = receiver
        switch outcome {
        case .progress:
            lastProgress = transport.loop.now
            stream.wake(after: receiver.bytesToAwait(atMost: transport.limits.bytesPerWake))
            if stream.hasPending { receiveInNextTurn() }
        case .waiting: break
        case .complete: finished()
        case .failed(let reason): close(reason)
        case .answered(let reason): answered(reason)
        }
    }

    /// Bytes wait in TLS, of which the kernel knows nothing.
    private func receiveInNextTurn() {
        transport.loop.inNextTick { [weak self] in
            guard let self, state == .ready, read != nil else { return }
            receive()
        }
    }

    private func finished() {
        let read = read
        self.read = nil
        receiver = nil
        useCount += 1
        lastProgress = transport.loop.now
        peer.isFree(self)
        read?.succeed()
    }

    /// The source said no; the connection is as good as before.
    private func answered(_ reason: TransferError.Reason) {
        switch reason {
        case .gone, .notYet, .refused:
            let read = read
            self.read = nil
            receiver = nil
            useCount += 1
            peer.isFree(self)
            read?.fail(reason)
        default: close(reason)
        }
    }

    // MARK: Time

    /// One timer for a stalled read and an idle connection, looked at only when it fires.
    private func watchProgress() {
        let limits = transport.limits
        let patience = read == nil ? limits.idleConnection : limits.stall
        // A slow path may have brought bytes, only too few to wake for.
        if read != nil, transport.loop.now.since(lastProgress) >= patience { receive() }
        guard state != .closed else { return }
        let silent = transport.loop.now.since(lastProgress)
        guard silent < patience else {
            return close(.stalled(milliseconds: Int(silent.clampedNanoseconds / 1_000_000)))
        }
        let next = min(lastProgress.advanced(by: patience), transport.loop.now.advanced(by: limits.stall))
        watch = transport.loop.schedule(at: next) { [weak self] in self?.watchProgress() }
    }
}
