package import FluxonCore
internal import FluxonPool
internal import FluxonRPC
package import FluxonSystem
package import FluxonTLS
package import FluxonTransfer
package import Logging

/// Brings (key, version) from a holder into the pool: space, a ticket from the holder, the bytes (CONSISTENCY M1, M4, F3).
///
///     start ──extent reserved──▶ asking holder 1 ──granted──▶ transferring ──every byte, every checksum──▶ arrived
///                                   │ gone, notYet, unreachable        │ path and its retries failed
///                                   └──▶ asking holder 2 … ◀───────────┘          none left ──▶ failed
///                                        (the rest alone)
///
/// On the owner's loop only.
package final class ReplicaFetcher {
    private let loop: EventLoop
    private let transfer: TransferActor
    private let identity: Asker
    private let tls: TLSContext?
    private let logger: Logger
    private let driver: ReplicaDriver
    /// Addresses of holders, as the master's directory has them now.
    private let member: (OwnerID) -> MemberDescription?
    private var clients: [String: RPCClient] = [:]
    /// Fetches that wait until processes have let go of idle pages.
    private var waiting: [(request: FetchRequest, timer: LoopTimer)] = []
    /// Asks the processes of this machine for the pages that they do not use.
    package var recallIdlePages: () -> Void = {}

    /// How long a fetch waits for processes to unmap idle pages.
    private static let recallWait = Duration.milliseconds(500)

    package init(
        loop: EventLoop, transfer: TransferActor, identity: Asker, tls: TLSContext?, driver: ReplicaDriver, logger: Logger,
        member: @escaping (OwnerID) -> MemberDescription?
    ) {
        self.loop = loop
        self.transfer = transfer
        self.identity = identity
        self.tls = tls
        self.driver = driver
        self.logger = logger
        self.member = member
    }

    package func start(_ request: FetchRequest) {
        guard !begin(request) else { return }
        let timer = loop.schedule(after: Self.recallWait) { [weak self] in self?.endWaiting(request) }
        waiting.append((request, timer))
        recallIdlePages()
    }

    /// Pages came back.
    package func retryWaiting() {
        let list = waiting
        waiting = []
        for one in list {
            if begin(one.request) { one.timer.cancel() } else { waiting.append(one) }
        }
    }

    private func endWaiting(_ request: FetchRequest) {
        guard let index = waiting.firstIndex(where: { $0.request.fetch == request.fetch }) else { return }
        waiting.remove(at: index)
        logger.warning("no room to fetch", metadata: ["fluxon.bytes": "\(request.byteCount)"])
        driver.fetched(request, .noRoom)
    }

    /// False: there is no room now.
    private func begin(_ request: FetchRequest) -> Bool {
        guard let byteCount = Int(exactly: request.byteCount), let extent = driver.allocate(byteCount: byteCount),
            let destination = driver.pool.bytes(of: extent)
        else { return false }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: destination.prefix(byteCount))
        ask(Attempt(request: request, extent: extent, destination: Destination(bytes), holders: request.holders[...]))
        return true
    }

    package func close() {
        for one in waiting { one.timer.cancel() }
        waiting = []
        for client in clients.values { client.close() }
        clients = [:]
    }

    private struct Attempt {
        let request: FetchRequest
        let extent: Extent
        let destination: Destination
        /// Not asked yet.
        var holders: ArraySlice<OwnerID>
        /// Bytes from the start that came with the right checksums: a version's bytes are the same at every holder.
        var verified = 0
    }

    private func ask(_ attempt: Attempt) {
        var attempt = attempt
        while let holder = attempt.holders.popFirst() {
            guard let member = member(holder), let client = client(for: member.address) else { continue }
            return askTicket(for: attempt.request, client) { [weak self] answer in
                guard let self else { return }
                if let answer { read(attempt, from: member, answer) } else { ask(attempt) }
            }
        }
        giveUp(attempt)
    }

    private typealias Grant = (ticket: Ticket, length: UInt64, flags: UInt32, rdma: String)

    private func askTicket(
        for request: FetchRequest, _ client: RPCClient, answer: @escaping (Grant?) -> Void
    ) {
        let stream = client.open(MethodPath.ownerTicket, deadline: Limits.ticketDeadline)
        var received: TicketAnswer?
        stream.onMessage = { bytes in received = try? TicketAnswer(decoding: bytes) }
        stream.onEnd = { _ in
            guard case .granted(let bytes, let length, let flags, let rdma) = received, let ticket = Ticket(bytes: bytes) else {
                return answer(nil)
            }
            answer((ticket, length, flags, rdma))
        }
        let ticket = TicketRequest(
            key: request.key, version: request.version, asker: identity.instance, generation: identity.generation)
        stream.send(ticket.encoded())
        stream.halfClose()
    }

    private func read(_ attempt: Attempt, from member: MemberDescription, _ grant: Grant) {
        guard grant.length == attempt.request.byteCount else { return ask(attempt) }
        let peer = TransferPeer(member, rdma: grant.rdma)
        var order = FluxonTransfer.FetchRequest(
            peer: peer, ticket: grant.ticket, version: attempt.request.version, range: UInt64(attempt.verified)..<grant.length,
            destination: attempt.destination.dropFirst(attempt.verified), deadline: loop.now.advanced(by: Limits.fetchDeadline))
        order.renew = { [weak self] _, answer in
            guard let self, let client = client(for: member.address) else { return answer(nil) }
            askTicket(for: attempt.request, client) { answer($0?.ticket) }
        }
        let carried = OnLoop((order, attempt, self))
        transfer.assumeIsolated { transfer in
            let (order, attempt, fetcher) = carried.value
            _ = transfer.start(order) { result in fetcher.ended(attempt, grant.flags, result) }
        }
    }

    private func ended(_ attempt: Attempt, _ flags: UInt32, _ result: Result<Void, TransferError>) {
        switch result {
        case .success:
            driver.fetched(attempt.request, .arrived(extent: attempt.extent, flags: flags | ReplicaDriver.replicaFlag))
        case .failure(let error):
            logger.notice("transfer failed", metadata: ["fluxon.error": "\(error)"])
            var attempt = attempt
            attempt.verified += error.verified
            ask(attempt)
        }
    }

    private func giveUp(_ attempt: Attempt) {
        driver.release(attempt.extent)
        driver.fetched(attempt.request, .failed)
    }

    private func client(for address: String) -> RPCClient? {
        if let client = clients[address] { return client }
        guard let target = try? SocketAddress(parsing: address) else { return nil }
        let client = RPCClient(loop: loop, target: target, tls: tls)
        clients[address] = client
        return client
    }
}

extension TransferPeer {
    /// - Parameter rdma: Where its devices are read from, as it said with the ticket; empty: nowhere.
    init(_ member: MemberDescription, rdma: String) {
        self.init(
            name: member.instanceKey,
            addresses: [TCPTransport.name: member.bulkAddress, TransferActor.rdmaKind: rdma].filter { !$0.value.isEmpty })
    }
}
