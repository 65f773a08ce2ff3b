import FluxonCore

/// One range on its way from another owner, over as many paths as it takes. On the loop only.
///
///     reading ──arrived──▶ ended
///        │ the path broke, and bytes are missing
///        ├─ the ticket was not shown to the source ──▶ reading (next path, same ticket)
///        └─ it was ──▶ renewing ──a ticket for the rest──▶ reading (best path, from the first byte missing)
///
/// The owner of a fetch is told once, and only when no transport touches the destination any more.
final class Fetch: RunningFetch {
    /// Paths tried for one request before the failure is the caller's.
    static let attemptLimit = 4

    private enum State {
        case reading(any RunningRead)
        case renewing(deadline: any TransferTimer)
        case ended
    }

    private let request: FetchRequest
    private let paths: FetchPaths
    private let preferred: String?
    private let completion: (Result<Void, TransferError>) -> Void
    private var state = State.ended
    private var ticket: Ticket
    private var verified = 0
    private var attempts = 0
    /// Transports that did not get as far as the source with this ticket.
    private var tried: Set<String> = []
    /// Over which the last attempt went.
    private var lastTransport: (any Transport)?
    private var isCancelled = false

    /// - Parameter preferred: The transport to begin with if it is as good as any.
    init(
        _ request: FetchRequest, paths: FetchPaths, preferring preferred: String? = nil,
        completion: @escaping (Result<Void, TransferError>) -> Void
    ) {
        self.request = request
        self.paths = paths
        self.preferred = preferred
        self.completion = completion
        ticket = request.ticket
    }

    private var rest: Range<UInt64> { request.range.lowerBound + UInt64(verified)..<request.range.upperBound }

    func start() {
        let needed = request.range.byteCount
        guard needed <= UInt64(request.destination.bytes.count) else {
            return fail(TransferError(.destinationTooSmall(bytes: request.destination.bytes.count, needed: needed), path: "no path"))
        }
        guard let path = paths.best(for: request.peer, except: [], preferring: preferred) else {
            return fail(
                TransferError(
                    .connectFailed("no transport that this owner may use has an address of \(request.peer.name)"), path: "no path"))
        }
        read(over: path)
    }

    /// Closes the path. The completion follows with `.cancelled`, unless it was on its way already.
    func cancel() {
        isCancelled = true
        switch state {
        case .reading(let read): read.cancel()
        case .renewing: fail(TransferError(.cancelled, verified: verified, path: "no path"))
        case .ended: break
        }
    }

    private func read(over path: FetchPaths.Path) {
        attempts += 1
        if let lastTransport, lastTransport !== path.transport { paths.fellBack(to: request.peer) }
        lastTransport = path.transport
        let wanted = rest
        let order = ReadOrder(
            address: path.address, ticket: ticket, version: request.version, range: wanted,
            destination: request.destination.dropFirst(verified), deadline: request.deadline)
        let read = path.transport.read(order) { [self] result in
            switch result {
            case .success:
                paths.succeeded(path, to: request.peer, byteCount: wanted.byteCount)
                end(.success(()))
            case .failure(let error):
                paths.failed(path, to: request.peer, error)
                broke(error)
            }
        }
        state = .reading(read)
    }

    private func broke(_ error: TransferError) {
        verified += error.verified
        let total = TransferError(error.reason, verified: verified, path: error.path)
        guard error.allowsAnotherPath, !isCancelled, attempts < Self.attemptLimit, paths.now < request.deadline else {
            return end(.failure(total))
        }
        if case .connectFailed = error.reason {
            if let lastTransport { tried.insert(lastTransport.name) }
            guard let next = paths.best(for: request.peer, except: tried) else { return end(.failure(total)) }
            return read(over: next)
        }
        guard let renew = request.renew else { return end(.failure(total)) }
        let timer = paths.clock.schedule(at: request.deadline) { [self] in
            end(.failure(TransferError(.deadlineExceeded, verified: verified, path: error.path)))
        }
        state = .renewing(deadline: timer)
        renew(rest) { [self] ticket in renewed(ticket, after: total) }
    }

    private func renewed(_ ticket: Ticket?, after error: TransferError) {
        guard case .renewing(let timer) = state else { return }  // cancelled, or too late: the source takes the ticket back
        timer.cancel()
        guard let ticket, let path = paths.best(for: request.peer, except: []) else { return end(.failure(error)) }
        self.ticket = ticket
        tried = []
        read(over: path)
    }

    private func fail(_ error: TransferError) {
        if case .renewing(let timer) = state { timer.cancel() }
        state = .ended
        // Never from within `start` or `cancel`: the caller may be in the middle of its own tables.
        _ = paths.clock.schedule(at: paths.now) { [completion] in completion(.failure(error)) }
    }

    private func end(_ result: Result<Void, TransferError>) {
        state = .ended
        completion(result)
    }
}
