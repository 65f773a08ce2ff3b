internal import FluxonCore
internal import FluxonPool
internal import FluxonRPC
package import FluxonSystem
package import FluxonTransfer

/// The relay's side: reads pieces of values from holders into memory of its own and hands them on, for owners that cannot reach those
/// holders. It never becomes a holder: a piece lives until its asker has read it. On the owner's loop only.
///
///     piece:  waiting in line ──room──▶ asking the holder ──granted──▶ reading ──every byte──▶ offered under a ticket ──it ends──▶ over
///                │ too long: busy          │ gone, notYet, silent         │ the path failed          (M6)
///                └─────────────────────────┴──────── over ◀───────────────┘        the asker went: over from everywhere, at once
///
/// What is not over holds memory, in all at most `limitBytes`: so the askers are held back, and with them this owner's reading.
package final class RelayService {
    private final class Piece {
        let place: RelayQueue.Request
        let request: TicketRequest
        let relayed: RelayedRange
        let stream: RPCStream
        /// While it waits in line.
        var timer: LoopTimer?
        /// While the holder is asked.
        var call: RPCStream?
        /// While it is read.
        var fetch: FluxonTransfer.FetchID?
        var extent: Extent?
        var isWanted = true

        init(place: RelayQueue.Request, request: TicketRequest, relayed: RelayedRange, stream: RPCStream) {
            self.place = place
            self.request = request
            self.relayed = relayed
            self.stream = stream
        }
    }

    private let loop: EventLoop
    private let driver: ReplicaDriver
    private let peers: OwnerPeers
    private let transfer: TransferActor
    private var queue: RelayQueue
    private var pieces: [UInt64: Piece] = [:]
    package private(set) var counters = RelayCounters()

    /// - Parameter limitBytes: Memory for all that is on its way; 0: this owner relays nothing.
    package init(loop: EventLoop, driver: ReplicaDriver, peers: OwnerPeers, transfer: TransferActor, limitBytes: Int) {
        self.loop = loop
        self.driver = driver
        self.peers = peers
        self.transfer = transfer
        queue = RelayQueue(limitBytes: limitBytes, waitingLimit: Limits.relayRequestsWaiting)
    }

    package var waitingCount: Int { queue.waitingCount }
    package var heldBytes: Int { queue.heldBytes }

    package func close() {
        for piece in pieces.values { piece.timer?.cancel() }
        pieces = [:]
    }

    /// Answers on `stream`, now or later.
    func serve(_ request: TicketRequest, _ relayed: RelayedRange, _ stream: RPCStream) {
        guard relayed.range.byteCount <= UInt64(Limits.relayPieceBytes) else {
            let limit = Limits.relayPieceBytes
            return stream.finish(
                RPCStatus(
                    .invalidArgument, "a relay hands on \(limit) bytes at a time, asked were \(relayed.range.byteCount); ask for less"))
        }
        let asker = Asker(instance: request.asker, generation: request.generation)
        guard let place = queue.submit(asker, byteCount: Int(relayed.range.byteCount)) else { return finish(stream, .busy) }
        let piece = Piece(place: place, request: request, relayed: relayed, stream: stream)
        pieces[place.number] = piece
        stream.onEnd = { [weak self] _ in self?.askerLeft(place.number) }
        takeIn()
        guard pieces[place.number] != nil, piece.extent == nil else { return }
        piece.timer = loop.schedule(after: Limits.relayWait) { [weak self] in self?.waitedTooLong(piece) }
    }

    // MARK: The line

    private func takeIn() {
        for place in queue.takeReady() {
            guard let piece = pieces[place.number] else {
                queue.finished(place)
                continue
            }
            begin(piece)
        }
    }

    private func waitedTooLong(_ piece: Piece) {
        guard queue.withdraw(piece.place) else { return }
        end(piece, .busy)
    }

    /// The call ended, with an answer or without one: then nobody wants the bytes any more.
    private func askerLeft(_ number: UInt64) {
        guard let piece = pieces[number], piece.isWanted else { return }
        piece.isWanted = false
        if queue.withdraw(piece.place) { return end(piece, nil) }
        piece.call?.cancel()
        if let fetch = piece.fetch { transfer.assumeIsolated { $0.cancel(fetch) } }
    }

    // MARK: From the holder

    private func begin(_ piece: Piece) {
        piece.timer?.cancel()
        guard let extent = driver.allocate(byteCount: piece.place.byteCount, waits: false) else { return end(piece, .busy) }
        piece.extent = extent
        piece.call = askHolder(piece) { [self] answer in
            piece.call = nil
            switch answer {
            case .granted(let bytes, let length, let flags, let rdma):
                guard let ticket = Ticket(bytes: bytes), length >= piece.relayed.range.upperBound else { return end(piece, .gone) }
                read(piece, Held(ticket: ticket, length: length, flags: flags, rdma: rdma))
            case .gone: end(piece, .gone)
            case .notYet: end(piece, .notYet)
            case .busy, .unreachable, nil: end(piece, .unreachable)
            }
        }
    }

    /// Two hops at most: what this owner asks for is never relayed.
    private func askHolder(_ piece: Piece, answer: @escaping (TicketAnswer?) -> Void) -> RPCStream? {
        let request = TicketRequest(
            key: piece.request.key, version: piece.request.version, asker: peers.identity.instance, generation: peers.identity.generation)
        return peers.askTicket(request, of: piece.relayed.holder, answer: answer)
    }

    /// What the holder granted.
    private struct Held {
        let ticket: Ticket
        let length: UInt64
        let flags: UInt32
        let rdma: String
    }

    private func read(_ piece: Piece, _ held: Held) {
        guard piece.isWanted, let member = peers.member(piece.relayed.holder), let extent = piece.extent,
            let memory = driver.pool.bytes(of: extent)
        else { return end(piece, .unreachable) }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: memory.prefix(piece.place.byteCount))
        var order = FluxonTransfer.FetchRequest(
            peer: TransferPeer(member, rdma: held.rdma), ticket: held.ticket, version: piece.request.version, range: piece.relayed.range,
            destination: Destination(bytes), deadline: loop.now.advanced(by: Limits.relayReadDeadline))
        order.renew = { [self] _, answer in
            piece.call = askHolder(piece) { reply in
                piece.call = nil
                guard case .granted(let bytes, _, _, _) = reply else { return answer(nil) }
                answer(Ticket(bytes: bytes))
            }
        }
        let source = SourceBytes(UnsafeRawBufferPointer(bytes))
        // The completion is made in there: one that travels in the tuple is released once too often by Swift 6.3.
        let carried = OnLoop((order, piece, self))
        piece.fetch = transfer.assumeIsolated { transfer in
            let (order, piece, service) = carried.value
            return transfer.start(order) { result in
                piece.fetch = nil
                switch result {
                case .success: service.offer(piece, source, held)
                case .failure(let error): service.readFailed(piece, error)
                }
            }
        }
    }

    private func readFailed(_ piece: Piece, _ error: TransferError) {
        peers.transferFailed(piece.relayed.holder, error)
        switch error.reason {
        case .gone, .refused: end(piece, .gone)
        case .notYet: end(piece, .notYet)
        default: end(piece, .unreachable)
        }
    }

    // MARK: To the asker

    /// From here on the piece is the ticket's, which ends with the asker's reading, with its path, or by nobody's having come (M6).
    private func offer(_ piece: Piece, _ bytes: SourceBytes, _ held: Held) {
        guard piece.isWanted else { return end(piece, nil) }
        let (asker, version, offset) = (piece.place.asker, piece.request.version, piece.relayed.range.lowerBound)
        do {
            let release: OnLoop<() -> Void> = OnLoop({ [weak self] in self?.giveBack(piece) })
            let (ticket, rdma) = try transfer.assumeIsolated { transfer in
                (
                    try transfer.issueTicket(to: asker, version: version, offset: offset, bytes: bytes, release: release.value),
                    transfer.rdmaAddresses
                )
            }
            counters.pieces += 1
            counters.bytes += UInt64(piece.place.byteCount)
            piece.isWanted = false
            finish(piece.stream, .granted(ticket: ticket.bytes, length: held.length, flags: held.flags, rdma: rdma))
        } catch {
            end(piece, .busy)
        }
    }

    /// - Parameter answer: Nil: nobody is there to hear one.
    private func end(_ piece: Piece, _ answer: TicketAnswer?) {
        let isWanted = piece.isWanted
        piece.isWanted = false
        giveBack(piece)
        if let answer, isWanted { finish(piece.stream, answer) }
    }

    private func giveBack(_ piece: Piece) {
        guard pieces.removeValue(forKey: piece.place.number) != nil else { return }
        piece.timer?.cancel()
        if let extent = piece.extent { driver.release(extent) }
        piece.extent = nil
        queue.finished(piece.place)
        // In a turn of its own: whoever gives back may be in the middle of its own tables, or take in itself.
        loop.inNextTick { [weak self] in self?.takeIn() }
    }

    private func finish(_ stream: RPCStream, _ answer: TicketAnswer) {
        stream.send(answer.encoded())
        stream.finish(.ok)
    }
}

/// What an owner has relayed since its start; for `fluxon status`.
package struct RelayCounters: Hashable, Sendable {
    package var pieces: UInt64 = 0
    package var bytes: UInt64 = 0
}
