import FluxonCore
import FluxonSystem

/// One read over TCP from its order to its completion, whichever connection carries it.
final class TCPRead: RunningRead {
    let order: ReadOrder
    /// The connection that carries it now.
    weak var connection: TCPConnection?
    /// Whether it went to a second connection because the first, an old one, turned out to be dead.
    var wasMoved = false
    private let loop: EventLoop
    private var completion: ((Result<Void, TransferError>) -> Void)?
    private var deadline: LoopTimer?

    init(_ order: ReadOrder, loop: EventLoop, completion: @escaping (Result<Void, TransferError>) -> Void) {
        self.order = order
        self.loop = loop
        self.completion = completion
        deadline = loop.schedule(at: order.deadline) { [self] in abandon(.deadlineExceeded) }
    }

    var byteCount: Int { Int(clamping: order.range.byteCount) }
    var isEnded: Bool { completion == nil }

    func cancel() { abandon(.cancelled) }

    /// All of its bytes are there.
    func succeed() { end(.success(())) }

    /// No byte will be written for it any more. The completion runs in a later turn: whoever calls this is in the middle of things.
    func fail(_ reason: TransferError.Reason, verified: Int = 0) {
        let error = TransferError(reason, verified: verified, path: "\(TCPTransport.name) \(order.address)")
        guard let completion = takeCompletion() else { return }
        _ = loop.schedule(at: loop.now) { completion(.failure(error)) } as LoopTimer
    }

    /// Closes the path first: after that nothing writes to the destination.
    private func abandon(_ reason: TransferError.Reason) {
        guard !isEnded else { return }
        let verified = connection?.abandon(self) ?? 0
        fail(reason, verified: verified)
    }

    private func end(_ result: Result<Void, TransferError>) { takeCompletion()?(result) }

    private func takeCompletion() -> ((Result<Void, TransferError>) -> Void)? {
        deadline?.cancel()
        deadline = nil
        connection = nil
        defer { completion = nil }
        return completion
    }
}
