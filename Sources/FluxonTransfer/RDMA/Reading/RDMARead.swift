import FluxonCore
import FluxonSystem

/// One read over RDMA from its order to its completion. On the loop only.
///
///     waiting ──request sent──▶ asked ──answer: where──▶ reading ──last piece──▶ ended
///        │                       │ answer: the bytes, or no ─────────────────────▲
///        └ given up ─▶ ended     └ given up: nothing is read any more; ended when the device lets go of the destination
final class RDMARead: RunningRead {
    enum Phase { case waiting, asked, reading, ended }

    let order: ReadOrder
    private let transport: String
    private(set) var phase = Phase.waiting
    /// The connection that carries it now.
    weak var connection: RDMAConnection?
    var pieces: ReadPieces?
    /// Pieces that the device is reading.
    var onTheirWay = 0
    /// Bytes from the start that are there.
    private(set) var arrived = 0
    /// Why nobody wants it any more.
    private(set) var abandoned: TransferError.Reason?
    private let loop: EventLoop
    private var completion: ((Result<Void, TransferError>) -> Void)?
    private var deadline: LoopTimer?

    init(_ order: ReadOrder, transport: String, loop: EventLoop, completion: @escaping (Result<Void, TransferError>) -> Void) {
        self.order = order
        self.loop = loop
        self.completion = completion
        self.transport = transport
        deadline = loop.schedule(at: order.deadline) { [self] in abandon(.deadlineExceeded) }
    }

    var path: String { "\(transport) \(order.address)" }
    var byteCount: Int { Int(clamping: order.range.byteCount) }
    var isEnded: Bool { phase == .ended }

    func cancel() { abandon(.cancelled) }

    func wasAsked() { phase = .asked }
    func isReading() { phase = .reading }
    func pieceArrived(_ count: Int) { arrived += count }

    /// All of its bytes are there.
    func succeed() { takeCompletion()?(.success(())) }

    /// Nothing touches its destination any more. The completion runs in a later turn: whoever calls this is in the middle of things.
    func fail(_ reason: TransferError.Reason) {
        let error = TransferError(abandoned ?? reason, verified: arrived, path: path)
        guard let completion = takeCompletion() else { return }
        _ = loop.schedule(at: loop.now) { completion(.failure(error)) } as LoopTimer
    }

    private func abandon(_ reason: TransferError.Reason) {
        guard !isEnded, abandoned == nil else { return }
        abandoned = reason
        deadline?.cancel()
        // While the device reads, the destination is not free.
        if onTheirWay == 0 { fail(reason) }
        connection?.abandoned(self)
    }

    private func takeCompletion() -> ((Result<Void, TransferError>) -> Void)? {
        deadline?.cancel()
        deadline = nil
        phase = .ended
        defer { completion = nil }
        return completion
    }
}
