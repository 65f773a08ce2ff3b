import FluxonCore
import FluxonSystem

/// The source's end of one RDMA connection. On the loop only.
///
///     greeting ──▶ serving ──▶ closing (the queue pair in error, its buffers come back) ──▶ closed
///
/// The bytes of a ticket stay until the asker's word, or until the queue pair is in error and nothing reads through it (CONSISTENCY M6).
final class RDMAServingConnection: QueuePairUser {
    private enum State { case greeting, serving(Asker), closing(forViolation: Bool), closed }

    /// Requests and last words that may wait to be looked at.
    private static let receives = 96

    private let path: PathID
    private let server: RDMAServer
    private var state = State.greeting
    private var id: ConnectionID?
    private var pair: QueuePair?
    /// What is read under over this path, and how many bytes that are.
    private var reading: [Ticket: Int] = [:]
    /// Tickets whose bytes ride on an answer that has not left.
    private var leaving: [UInt64: (ticket: Ticket, byteCount: Int)] = [:]
    private var lastProgress: BootInstant
    private var watch: LoopTimer?
    private var flush: LoopTimer?

    init(path: PathID, server: RDMAServer) {
        self.path = path
        self.server = server
        lastProgress = server.loop.now
    }

    /// Who greeted; nil before.
    var asker: Asker? { if case .serving(let asker) = state { asker } else { nil } }

    private var isOpen: Bool {
        switch state {
        case .greeting, .serving: true
        case .closing, .closed: false
        }
    }

    func accept(_ id: ConnectionID, reads: Int) {
        self.id = id
        id.onEvent { [weak self] event in self?.happened(event) }
        do throws(SystemError) {
            let pair = try QueuePair(
                id, rail: server.rail,
                sizes: QueuePair.Sizes(
                    sends: 2 * server.limits.readsPerConnection, receives: Self.receives, sentBytes: RDMAFrames.messageBytes,
                    receivedBytes: RDMAFrames.messageBytes))
            pair.user = self
            self.pair = pair
            try id.accept(reads: min(reads, server.rail.port.readsAsSource), retries: server.limits.packetRetries)
        } catch {
            return close()
        }
        watchProgress()
    }

    private func happened(_ event: ConnectionEvent) {
        switch event {
        case .disconnected, .failed, .deviceRemoved: close()
        case .established, .addressResolved, .routeResolved, .requested: break
        }
    }

    // MARK: Messages

    func received(_ message: UnsafeRawBufferPointer) {
        guard isOpen else { return }
        lastProgress = server.loop.now
        let bytes = Array(message)
        do throws(FrameError) {
            switch state {
            case .greeting: try greeted(bytes)
            case .serving(let asker): try asked(bytes, by: asker)
            case .closing, .closed: break
            }
        } catch {
            close(forViolation: true)
        }
    }

    private func greeted(_ bytes: [UInt8]) throws(FrameError) {
        var input = ByteInput(bytes)
        guard let greeting = try Greeting.decode(&input) else { return close(forViolation: true) }
        // The answer goes to the first request, which is on its way.
        if greeting.version != Frames.version { return refuse(.versionMismatch) }
        if greeting.cluster != server.cluster { return refuse(.clusterMismatch) }
        state = .serving(greeting.asker)
    }

    private func refuse(_ status: ResponseHead.Status) {
        answer(RDMAAnswer(ResponseHead(status: status)))
    }

    private func asked(_ bytes: [UInt8], by asker: Asker) throws(FrameError) {
        var input = ByteInput(bytes)
        if let done = try? DoneMessage.decode(bytes) {
            guard let byteCount = reading.removeValue(forKey: done.ticket) else { return close(forViolation: true) }
            return server.served(done.ticket, byteCount, to: asker)
        }
        guard let request = try RangeRequest.decode(&input) else { return close(forViolation: true) }
        let claim = TicketClaim(ticket: request.ticket, asker: asker, version: request.version, range: request.range)
        switch server.source.redeem(claim, on: path) {
        case .bytes(let source): offer(source.bytes, request.ticket)
        case .gone: refuse(.gone)
        case .notYet: refuse(.notYet)
        case .refused: refuse(.refused)
        }
    }

    /// A few bytes go with the answer: another round trip would cost more than they do.
    private func offer(_ bytes: UnsafeRawBufferPointer, _ ticket: Ticket) {
        let head = ResponseHead(status: .ok, length: UInt64(bytes.count))
        guard !bytes.isEmpty else {
            answer(RDMAAnswer(head))
            return server.source.done(ticket)
        }
        guard let segments = server.rail.memory.segments(of: bytes), segments.count <= RDMAFrames.segmentLimit else {
            refuse(.notRegistered)
            return server.source.done(ticket)
        }
        if bytes.count <= server.limits.smallBytes, segments.count == 1 {
            return send(RDMAAnswer(head), with: bytes, key: segments[0].localKey, ticket)
        }
        reading[ticket] = bytes.count
        answer(
            RDMAAnswer(
                head,
                .segments(segments.map { RemoteSegment(address: UInt64($0.address), byteCount: UInt64($0.byteCount), key: $0.remoteKey) })))
    }

    private func send(_ answer: RDMAAnswer, with bytes: UnsafeRawBufferPointer, key: UInt32, _ ticket: Ticket) {
        guard let pair, pair.hasRoom(for: 1) else { return close(forViolation: true) }
        do throws(SystemError) {
            let receipt = try pair.send(body: bytes, key: key) { answer.write(to: &$0) }
            leaving[receipt] = (ticket, bytes.count)
        } catch {
            close()
        }
    }

    private func answer(_ answer: RDMAAnswer) {
        // More requests than an asker may have: it does not keep to the protocol.
        guard let pair, pair.hasRoom(for: 1) else { return close(forViolation: true) }
        do throws(SystemError) { try pair.send { answer.write(to: &$0) } } catch { close() }
    }

    func sent(receipt: UInt64, _ failure: QueuePair.Failure?) {
        // After a failure the ticket ends with its path.
        guard failure == nil else { return close() }
        guard let (ticket, byteCount) = leaving.removeValue(forKey: receipt), let asker else { return }
        server.served(ticket, byteCount, to: asker)
    }

    /// A source reads nothing.
    func readEnded(_ failure: QueuePair.Failure?) {}

    func failed(_ failure: QueuePair.Failure) {
        guard case .closing = state else { return close() }
        finishWhenFlushed()
    }

    // MARK: The end

    /// Nothing is read out of the source over this path once the server is told.
    func close(forViolation: Bool = false) {
        guard isOpen else { return }
        state = .closing(forViolation: forViolation)
        watch?.cancel()
        if server.rail.isUp { id?.disconnect() }
        pair?.fail()
        flush = server.loop.schedule(after: server.limits.queuePairFlush) { [self] in finish() }
        finishWhenFlushed()
    }

    private func finishWhenFlushed() {
        guard (pair?.receivesPosted ?? 0) == 0 else { return }
        flush?.cancel()
        flush = server.loop.schedule(at: server.loop.now) { [self] in finish() }
    }

    /// What has not come back may still be read from until the queue pair is destroyed. Nobody else waits for that.
    ///
    /// - Parameter isLast: This owner ends: nothing is put in the place of what is read.
    func finish(isLast: Bool = false) {
        guard case .closing(let forViolation) = state else { return }
        state = .closed
        flush?.cancel()
        let isFree = isLast || (pair?.receivesPosted ?? 0) == 0
        if isFree { server.closed(path, forViolation: forViolation) }
        let (server, path) = (server, path)
        if let pair, let id {
            server.rail.bury(pair, id) { if !isFree { server.closed(path, forViolation: forViolation) } }
        } else {
            id.map(server.rail.letGo)
        }
        pair = nil
        id = nil
    }

    func fallSilent() {
        pair?.user = nil
        pair?.fail()
    }

    // MARK: Time

    /// One timer for a missing greeting, an asker that may be gone without a word, and an idle connection.
    private func watchProgress() {
        let silent = server.loop.now.since(lastProgress)
        let patience: Duration
        switch state {
        case .greeting: patience = server.limits.stall
        // An asker that reads says nothing meanwhile, so that only a message shows whether it is there: it is acknowledged, or the queue
        // pair fails.
        case .serving where !reading.isEmpty: patience = server.limits.stall
        case .serving: patience = server.limits.idleConnection * 2  // the asker closes first
        case .closing, .closed: return
        }
        if silent >= patience {
            guard !reading.isEmpty else { return close() }
            probe()
        }
        watch = server.loop.schedule(after: min(patience, server.limits.stall)) { [weak self] in self?.watchProgress() }
    }

    private func probe() {
        guard let pair, pair.hasRoom(for: 2) else { return }
        do throws(SystemError) { try pair.send { $0.append(littleEndian: RDMAFrames.probeMagic) } } catch { close() }
    }
}
