import FluxonCore
import FluxonRPC
import FluxonSystem
import FluxonTransfer

/// Reads a value, or the rest of one, from a holder by way of a relay: piece by piece, the next one asked for while one is read. On the
/// owner's loop only.
///
///     piece:  asking the relay ──granted──▶ reading from the relay ──▶ here
///                │  ▲                          │ path and its retries failed
///           busy ▼  │ pause                    ▼
///              pausing ──too often──▶ failed ◀─┴── gone, notYet, unreachable, no answer
final class RelayedRead {
    struct Order {
        let request: FetchRequest
        let holder: OwnerID
        let relay: OwnerID
        let range: Range<UInt64>
        /// Of the whole value.
        let destination: Destination
        let deadline: BootInstant
    }

    private let order: Order
    private let loop: EventLoop
    private let peers: OwnerPeers
    private let transfer: TransferActor
    private let onEnd: (_ verified: Int, _ flags: UInt32?) -> Void
    private var pieces: RelayPieces
    private var flags: UInt32 = 0

    /// - Parameter onEnd: Called once, on the loop, when nothing touches the destination any more: bytes from the start of the range, and
    ///   the value's flags when those are all.
    init(
        _ order: Order, loop: EventLoop, peers: OwnerPeers, transfer: TransferActor, onEnd: @escaping (Int, UInt32?) -> Void
    ) {
        self.order = order
        self.loop = loop
        self.peers = peers
        self.transfer = transfer
        self.onEnd = onEnd
        pieces = RelayPieces(order.range, pieceBytes: Limits.relayPieceBytes, window: Limits.relayPiecesInFlight)
    }

    /// It keeps itself alive until its end.
    func start() {
        guard !order.range.isEmpty else { return ask(order.range, repetition: 0) }
        goOn()
    }

    private func goOn() {
        while let piece = pieces.next() { ask(piece, repetition: 0) }
        guard pieces.isOver else { return }
        onEnd(pieces.verified, pieces.isComplete && !pieces.hasFailed ? flags : nil)
    }

    private func ask(_ piece: Range<UInt64>, repetition: Int) {
        askTicket(piece) { [self] answer in
            switch answer {
            case .granted(let bytes, let length, let flags, let rdma):
                guard let ticket = Ticket(bytes: bytes), length == order.request.byteCount else { return failed(piece, verified: 0) }
                self.flags = flags
                read(piece, ticket, rdma)
            case .busy where repetition < Limits.relayBusyRepetitions && loop.now < order.deadline:
                _ = loop.schedule(after: Limits.relayBusyPause) { [self] in
                    if pieces.hasFailed { failed(piece, verified: 0) } else { ask(piece, repetition: repetition + 1) }
                }
            case .gone, .notYet, .busy, .unreachable, nil: failed(piece, verified: 0)
            }
        }
    }

    private func askTicket(_ piece: Range<UInt64>, answer: @escaping (TicketAnswer?) -> Void) {
        let request = TicketRequest(
            key: order.request.key, version: order.request.version, asker: peers.identity.instance,
            generation: peers.identity.generation, relayed: RelayedRange(holder: order.holder, range: piece))
        peers.askTicket(request, of: order.relay, deadline: Limits.relayTicketDeadline, answer: answer)
    }

    private func read(_ piece: Range<UInt64>, _ ticket: Ticket, _ rdma: String) {
        guard let relay = peers.member(order.relay) else { return failed(piece, verified: 0) }
        let part = UnsafeMutableRawBufferPointer(rebasing: order.destination.bytes[Int(piece.lowerBound)..<Int(piece.upperBound)])
        var read = FluxonTransfer.FetchRequest(
            peer: TransferPeer(relay, rdma: rdma), ticket: ticket, version: order.request.version, range: piece,
            destination: Destination(part), deadline: order.deadline)
        read.renew = { [self] rest, answer in
            askTicket(rest) { reply in
                guard case .granted(let bytes, _, _, _) = reply else { return answer(nil) }
                answer(Ticket(bytes: bytes))
            }
        }
        let carried = OnLoop((read, self))
        transfer.assumeIsolated { transfer in
            let (read, reading) = carried.value
            _ = transfer.start(read) { result in reading.ended(piece, result) }
        }
    }

    private func ended(_ piece: Range<UInt64>, _ result: Result<Void, TransferError>) {
        switch result {
        case .success where order.range.isEmpty: onEnd(0, flags)
        case .success:
            pieces.arrived(piece)
            peers.relayed(from: order.holder)
            goOn()
        case .failure(let error):
            peers.transferFailed(order.relay, error)
            failed(piece, verified: error.verified)
        }
    }

    private func failed(_ piece: Range<UInt64>, verified: Int) {
        guard !order.range.isEmpty else { return onEnd(0, nil) }
        pieces.failed(piece, verified: verified)
        goOn()
    }
}
