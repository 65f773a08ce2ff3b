import DequeModule
import FluxonCore
import FluxonSystem

/// The asker's end of one RDMA connection, which carries many reads at a time. On the loop only.
///
///     resolving ──▶ connecting ──▶ ready ──▶ closing (the queue pair in error, its reads come back) ──▶ closed
///
/// A destination is free when its last piece has come back, or the queue pair is destroyed (CONSISTENCY M6).
final class RDMAConnection: QueuePairUser {
    private enum State { case resolving, connecting, ready, closing(TransferError.Reason), closed }

    /// Pieces and messages; each read needs two of the latter.
    private static let sendQueue = 128

    private let peer: RDMAPeer
    private let transport: RDMATransport
    private var state = State.resolving
    private var id: ConnectionID?
    private var pair: QueuePair?
    /// Reads whose answer is awaited, in the order of their requests; also those that nobody wants any more.
    private var asked: Deque<RDMARead> = []
    /// Reads with pieces to be posted; each posts one and goes to the end.
    private var posting: Deque<RDMARead> = []
    /// Whose pieces are on their way, in the order in which they end.
    private var onTheirWay: Deque<(read: RDMARead, byteCount: Int)> = []
    /// Reads that count towards the limit.
    private var running: [RDMARead] = []
    /// Whether it was closed, by either side, while it carried nothing.
    private(set) var endedWhileIdle = false
    private var lastProgress: BootInstant
    private var watch: LoopTimer?
    private var flush: LoopTimer?

    init(peer: RDMAPeer, transport: RDMATransport) {
        self.peer = peer
        self.transport = transport
        lastProgress = transport.loop.now
    }

    private var loop: EventLoop { transport.loop }
    private var limits: TransferLimits { transport.limits }

    var hasRoom: Bool { running.count < limits.readsPerConnection && isReady }
    var isReady: Bool { if case .ready = state { true } else { false } }

    // MARK: Connecting

    func connect() {
        watchProgress()
        do throws(SystemError) {
            let address = try SocketAddress(parsing: peer.address)
            guard let target = try ResolvedAddress.resolveWithoutNames(address)?.first else {
                return close(.connectFailed("\(peer.address) is not a numeric address"))
            }
            let id = try ConnectionID(transport.channel)
            self.id = id
            id.onEvent { [weak self] event in self?.happened(event) }
            try id.resolve(from: transport.rail.address, to: target, patience: limits.connectLimit)
        } catch {
            close(.connectFailed("\(error)"))
        }
    }

    private func happened(_ event: ConnectionEvent) {
        switch (state, event) {
        case (.resolving, .addressResolved): resolveRoute()
        case (.resolving, .routeResolved): openQueuePair()
        case (.connecting, .established): established()
        case (.resolving, .failed(let why)), (.connecting, .failed(let why)): close(.connectFailed(why))
        case (.ready, .failed(let why)): close(.connectionLost(why))
        case (.resolving, .disconnected), (.connecting, .disconnected): close(.connectFailed("closed by the source"))
        case (.ready, .disconnected): close(.connectionLost("closed by the source"))
        case (.resolving, .deviceRemoved), (.connecting, .deviceRemoved), (.ready, .deviceRemoved):
            close(.connectionLost("the device \(transport.rail.name) was removed"))
        default: break
        }
    }

    private func resolveRoute() {
        guard let id else { return }
        // The system chose by its routes: with another device's memory keys nothing could be read.
        guard id.context == transport.rail.context else {
            return close(.connectFailed("the way to \(peer.address) does not start at \(transport.rail.name)"))
        }
        do throws(SystemError) {
            try id.resolveRoute(acknowledgementExponent: limits.acknowledgementExponent, patience: limits.connectLimit)
        } catch {
            close(.connectFailed("\(error)"))
        }
    }

    private func openQueuePair() {
        guard let id else { return }
        do throws(SystemError) {
            let pair = try QueuePair(
                id, rail: transport.rail,
                sizes: QueuePair.Sizes(
                    sends: Self.sendQueue, receives: limits.readsPerConnection + 8, sentBytes: RDMAFrames.messageBytes,
                    receivedBytes: RDMAFrames.answerBytes + max(limits.smallBytes, RDMAFrames.messageBytes)))
            pair.user = self
            self.pair = pair
            state = .connecting
            try id.connect(reads: min(transport.rail.port.readsAsAsker, limits.readPiecesInFlight), retries: limits.packetRetries)
        } catch {
            close(.connectFailed("\(error)"))
        }
    }

    private func established() {
        state = .ready
        lastProgress = loop.now
        let greeting = transport.greeting
        do throws(SystemError) { try pair?.send { greeting.write(to: &$0) } } catch { return close(.connectFailed("\(error)")) }
        peer.isReady(self)
    }

    // MARK: Reads

    func start(_ read: RDMARead) {
        guard let pair else { return read.fail(.connectFailed("not connected")) }
        read.connection = self
        running.append(read)
        if asked.isEmpty && onTheirWay.isEmpty { lastProgress = loop.now }
        let request = RangeRequest(
            ticket: read.order.ticket, version: read.order.version, range: read.order.range, chunkBytes: limits.chunkBytes)
        asked.append(read)
        read.wasAsked()
        do throws(SystemError) { try pair.send { request.write(to: &$0) } } catch { close(.connectionLost("\(error)")) }
    }

    /// Nobody wants it any more: no further piece of it is posted.
    func abandoned(_ read: RDMARead) {
        posting.removeAll { $0 === read }
        guard read.onTheirWay > 0 else {
            if read.pieces != nil { letGo(read) }
            return
        }
        // Most pieces are back within microseconds. If not, the way is broken, and only closing it frees the destination.
        _ =
            loop.schedule(after: limits.abandonedRead) { [weak self, weak read] in
                guard let self, let read, read.onTheirWay > 0 else { return }
                close(.connectionLost("a read that was given up did not end"))
            } as LoopTimer
    }

    private func postPieces() {
        guard let pair, isReady else { return }
        // Room is left for the requests and last words of every read.
        while onTheirWay.count < limits.readPiecesInFlight, pair.hasRoom(for: 2 * limits.readsPerConnection + 1),
            let read = posting.first
        {
            let piece = read.pieces?.next()
            // One that is alone keeps its place: it has many pieces, and each is an order of its own.
            if piece?.isLast != false {
                posting.removeFirst()
            } else if posting.count > 1 {
                posting.append(posting.removeFirst())
            }
            guard let piece else { continue }
            do throws(SystemError) { try pair.read(piece) } catch { return close(.connectionLost("\(error)")) }
            read.onTheirWay += 1
            onTheirWay.append((read, piece.byteCount))
        }
    }

    /// Tells the source that nothing is read under the ticket any more.
    private func letGo(_ read: RDMARead) {
        isOver(read)
        guard isReady, let pair else { return }
        let done = DoneMessage(ticket: read.order.ticket)
        do throws(SystemError) { try pair.send { done.write(to: &$0) } } catch {
            return close(.connectionLost("\(error)"))
        }
        peer.hasRoom(self)
    }

    private func isOver(_ read: RDMARead) {
        guard let index = running.firstIndex(where: { $0 === read }) else { return }
        running.swapAt(index, running.count - 1)
        running.removeLast()
    }

    // MARK: What comes back

    func received(_ message: UnsafeRawBufferPointer) {
        guard isReady else { return }
        lastProgress = loop.now
        if message.count >= 4, UInt32(littleEndian: message.loadUnaligned(as: UInt32.self)) == RDMAFrames.probeMagic { return }
        let head = Array(message.prefix(RDMAFrames.messageBytes))
        do throws(FrameError) {
            guard let answer = try RDMAAnswer.decode(head), let read = asked.popFirst() else {
                return close(.protocolViolation("an answer that is cut off, or that nobody asked for"))
            }
            answered(read, answer, message)
        } catch {
            close(.protocolViolation("\(error)"))
        }
    }

    private func answered(_ read: RDMARead, _ answer: RDMAAnswer, _ message: UnsafeRawBufferPointer) {
        if let reason = answer.head.status.reason {
            isOver(read)
            read.fail(reason)
            if reason == .clusterMismatch || reason == .versionMismatch(ours: Frames.version) { return close(reason) }
            return peer.hasRoom(self)
        }
        guard answer.head.length == read.order.range.byteCount else {
            return close(.protocolViolation("\(answer.head.length) bytes for \(read.byteCount)"))
        }
        switch answer.place {
        case .here: take(read, message.dropFirst(RDMAFrames.answerBytes))
        case .segments(let segments): readFrom(segments, read)
        }
    }

    private func take(_ read: RDMARead, _ bytes: Slice<UnsafeRawBufferPointer>) {
        guard bytes.count == read.byteCount else {
            return close(.protocolViolation("\(bytes.count) bytes in an answer of \(read.byteCount)"))
        }
        isOver(read)
        if !read.isEnded {
            read.order.destination.bytes.copyBytes(from: bytes)
            read.succeed()
        }
        peer.hasRoom(self)
    }

    private func readFrom(_ segments: [RemoteSegment], _ read: RDMARead) {
        guard !read.isEnded else { return letGo(read) }
        let target = UnsafeRawBufferPointer(rebasing: read.order.destination.bytes.prefix(read.byteCount))
        guard let local = transport.rail.memory.segments(of: target) else {
            letGo(read)
            return read.fail(.connectFailed("the destination is not in memory that \(transport.rail.name) knows"))
        }
        read.isReading()
        read.pieces = ReadPieces(from: segments, into: local, longest: min(limits.readPieceBytes, transport.rail.port.largestMessage))
        posting.append(read)
        postPieces()
    }

    func readEnded(_ failure: QueuePair.Failure?) {
        guard let (read, byteCount) = onTheirWay.popFirst() else { return }
        read.onTheirWay -= 1
        if let failure {
            failed(failure)
        } else {
            lastProgress = loop.now
            read.pieceArrived(byteCount)
        }
        if case .closing = state { return finishClosing() }
        guard failure == nil else { return }
        pieceEnded(read)
        postPieces()
    }

    private func pieceEnded(_ read: RDMARead) {
        if read.abandoned != nil {
            guard read.onTheirWay == 0, !read.isEnded else { return }
            letGo(read)
            read.fail(.cancelled)
        } else if read.pieces?.isEmpty == true, read.onTheirWay == 0 {
            letGo(read)
            read.succeed()
        }
    }

    /// The source asked for no receipt of anything.
    func sent(receipt: UInt64, _ failure: QueuePair.Failure?) {}

    func failed(_ failure: QueuePair.Failure) {
        if isReady { close(.connectionLost(failure.text)) }
    }

    // MARK: The end

    func close(_ reason: TransferError.Reason) {
        switch state {
        case .closing, .closed: return
        case .resolving, .connecting, .ready: break
        }
        endedWhileIdle = isReady && running.isEmpty
        state = .closing(reason)
        watch?.cancel()
        peer.isClosing(self)
        if transport.rail.isUp { id?.disconnect() }
        // A queue pair that never was connected is in no state to give anything back by itself.
        pair?.fail()
        flush = loop.schedule(after: limits.queuePairFlush) { [weak self] in self?.bury() }
        finishClosing()
    }

    /// Once the device has given back every read.
    private func finishClosing() {
        guard onTheirWay.isEmpty else { return }
        // Not from within the queue pair's own report.
        flush?.cancel()
        flush = loop.schedule(at: loop.now) { [weak self] in self?.bury() }
    }

    /// What has not come back is the device's until the queue pair is destroyed. Nobody else waits for that.
    private func bury() {
        guard case .closing(let reason) = state else { return }
        state = .closed
        flush?.cancel()
        let isFree = onTheirWay.isEmpty
        if isFree { endReads(reason) }
        if let pair, let id {
            transport.rail.bury(pair, id) { [self] in endReads(reason) }
        } else {
            id?.destroy()
            endReads(reason)
        }
        pair = nil
        id = nil
        peer.closed(self, reason: reason)
    }

    private func endReads(_ reason: TransferError.Reason) {
        onTheirWay = []
        let reads = running.sorted { $0.order.ticket.low < $1.order.ticket.low }
        running = []
        for read in reads {
            read.onTheirWay = 0
            read.fail(reason)
        }
    }

    // MARK: Time

    /// One timer for a connection attempt, a stalled source and an idle connection, looked at only when it fires.
    private func watchProgress() {
        let silent = loop.now.since(lastProgress)
        let patience: Duration
        switch state {
        case .resolving, .connecting: patience = limits.connectLimit
        case .ready: patience = running.isEmpty && asked.isEmpty ? limits.idleConnection : limits.stall
        case .closing, .closed: return
        }
        guard silent < patience else {
            let milliseconds = Int(silent.clampedNanoseconds / 1_000_000)
            if isReady { return close(.stalled(milliseconds: milliseconds)) }
            let step = if case .resolving = state { "no RDMA way found" } else { "no answer" }
            return close(.connectFailed("\(step) within \(milliseconds) ms"))
        }
        let next = min(lastProgress.advanced(by: patience), loop.now.advanced(by: limits.stall))
        watch = loop.schedule(at: next) { [weak self] in self?.watchProgress() }
    }
}
