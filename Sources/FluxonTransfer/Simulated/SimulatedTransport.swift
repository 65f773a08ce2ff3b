import FluxonCore

/// A `Transport` over a `SimulatedNetwork`.
package final class SimulatedTransport: Transport {
    package let name: String
    package let kind: String
    private let network: SimulatedNetwork
    private let cluster: String
    private let asker: Asker
    private let limits: TransferLimits
    private var running: [ObjectIdentifier: SimulatedRead] = [:]
    private var isClosed = false

    package init(
        name: String = "simulated", kind: String? = nil, network: SimulatedNetwork, cluster: String, asker: Asker,
        limits: TransferLimits = TransferLimits()
    ) {
        self.name = name
        self.kind = kind ?? name
        self.network = network
        self.cluster = cluster
        self.asker = asker
        self.limits = limits
    }

    package func read(_ order: ReadOrder, completion: @escaping (Result<Void, TransferError>) -> Void) -> any RunningRead {
        let claim = TicketClaim(ticket: order.ticket, asker: asker, version: order.version, range: order.range)
        let read = SimulatedRead(order, claim: claim, cluster: cluster, network: network, limits: limits, transport: name)
        let id = ObjectIdentifier(read)
        running[id] = read
        read.start { [weak self] result in
            self?.running[id] = nil
            completion(result)
        }
        if isClosed { read.end(with: .closed) }
        return read
    }

    package func close() {
        isClosed = true
        for read in running.values { read.end(with: .closed) }
    }
}

/// One read: each chunk is a step of its own, so that anything may happen between two.
final class SimulatedRead: RunningRead {
    private let order: ReadOrder
    private let claim: TicketClaim
    private let cluster: String
    private let network: SimulatedNetwork
    private let limits: TransferLimits
    private let path: String
    private var site: SimulatedNetwork.Site?
    private var pathID: PathID?
    private var source: SourceBytes?
    private var copied = 0
    private var completion: ((Result<Void, TransferError>) -> Void)?
    private var deadline: (any TransferTimer)?
    private var isEnding = false

    init(
        _ order: ReadOrder, claim: TicketClaim, cluster: String, network: SimulatedNetwork, limits: TransferLimits, transport: String
    ) {
        self.order = order
        self.claim = claim
        self.cluster = cluster
        self.network = network
        self.limits = limits
        path = "\(transport) \(order.address)"
    }

    func start(_ completion: @escaping (Result<Void, TransferError>) -> Void) {
        self.completion = completion
        deadline = network.clock.schedule(at: order.deadline) { [self] in end(with: .deadlineExceeded) }
        after(network.latency) { [self] in arrive() }
    }

    func cancel() { end(with: .cancelled) }

    /// Closes the path; one more chunk may still land before the source and the asker know.
    func end(with reason: TransferError.Reason) {
        guard !isEnding else { return }
        isEnding = true
        let error = TransferError(reason, verified: copied, path: path)
        after(network.latency) { [self] in
            if source != nil { copyChunk() }
            finish(.failure(error))
        }
    }

    private func after(_ duration: Duration, _ body: @escaping () -> Void) {
        _ = network.clock.schedule(at: network.clock.now.advanced(by: duration), body)
    }

    private func arrive() {
        guard !isEnding else { return }
        guard UInt64(order.destination.bytes.count) >= claim.range.byteCount else {
            return end(with: .destinationTooSmall(bytes: order.destination.bytes.count, needed: claim.range.byteCount))
        }
        guard let site = network.site(at: order.address) else { return end(with: .connectFailed("nobody listens there")) }
        guard site.cluster == cluster else { return end(with: .clusterMismatch) }
        let pathID = network.newPath()
        self.site = site
        self.pathID = pathID
        switch site.source.redeem(claim, on: pathID) {
        case .bytes(let bytes):
            source = bytes
            step()
        case .gone: end(with: .gone)
        case .notYet: end(with: .notYet)
        case .refused: end(with: .refused)
        }
    }

    private func step() {
        guard !isEnding else { return }
        switch network.site(at: order.address)?.fault {
        case .unreachable: return end(with: .connectionLost("unreachable"))
        case .killed(let bytes) where copied >= bytes: return end(with: .connectionLost("killed"))
        case .silent(let bytes) where copied >= bytes: return silence()
        case .damaged(let chunk) where copied / limits.chunkBytes == chunk && copied < claim.range.count:
            return end(with: .corrupted(chunk: chunk, expected: 0, computed: 1))
        case .killed, .silent, .damaged, nil: break
        }
        copyChunk()
        guard copied < claim.range.count else { return after(network.latency) { [self] in succeed() } }
        after(.zero) { [self] in step() }
    }

    private func silence() {
        after(limits.stall) { [self] in end(with: .stalled(milliseconds: Int(limits.stall.clampedNanoseconds / 1_000_000))) }
    }

    private func copyChunk() {
        guard let source else { return }
        let end = min(copied + limits.chunkBytes, claim.range.count)
        UnsafeMutableRawBufferPointer(rebasing: order.destination.bytes[copied..<end]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: source.bytes[copied..<end]))
        copied = end
    }

    private func succeed() {
        guard !isEnding else { return }
        isEnding = true
        site?.source.done(claim.ticket)
        finish(.success(()))
    }

    private func finish(_ result: Result<Void, TransferError>) {
        if let pathID { site?.source.pathClosed(pathID) }
        source = nil
        deadline?.cancel()
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}
