package import FluxonCore
package import FluxonSystem
package import FluxonTLS

/// Moves bulk data of one owner: reads from other owners, and serves what its tickets stand for. Lives on the owner's loop.
///
/// From a callback of that loop call it without a hop: `transfer.assumeIsolated { $0.start(request) { result in … } }`.
/// `close` it before letting go of it.
package actor TransferActor {
    package nonisolated let loop: EventLoop
    let cluster: String
    let owner: Asker
    let limits: TransferLimits
    let paths: FetchPaths
    let tickets: TicketBook
    let pathNumbers = PathNumbers()
    private let server: TCPServer
    /// Nil on a machine without RDMA.
    var rdma: RDMAService?
    private var fetches: [FetchID: Fetch] = [:]
    private var nextFetch: UInt64 = 0
    private var ticketTimer: LoopTimer?
    private var isClosed = false
    var network = NetworkState()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - owner: This owner, as others issue tickets for it.
    ///   - tls: What it shows to others and whom it trusts; nil: values go in the clear.
    package init(loop: EventLoop, cluster: String, owner: Asker, limits: TransferLimits = TransferLimits(), tls: RoleTLS? = nil) {
        self.loop = loop
        self.cluster = cluster
        self.owner = owner
        self.limits = limits
        tickets = TicketBook(limits: limits)
        server = TCPServer(loop: loop, cluster: cluster, source: tickets, limits: limits, tls: tls?.server, paths: pathNumbers)
        let paths = FetchPaths([TCPTransport(loop: loop, cluster: cluster, asker: owner, limits: limits, tls: tls?.client)], clock: loop)
        self.paths = paths
        server.onServed = { asker, byteCount in paths.served(TCPTransport.name, to: asker.instance, byteCount: byteCount) }
    }

    // MARK: Reading from others

    /// Starts to read. `completion` runs on the loop, once, never within this call, and when nothing touches the destination any more.
    @discardableResult
    package func start(_ request: FetchRequest, completion: @escaping (Result<Void, TransferError>) -> Void) -> FetchID {
        let id = newID()
        start(request, as: id, completion: completion)
        return id
    }

    private func newID() -> FetchID {
        nextFetch += 1
        return FetchID(number: nextFetch)
    }

    private func start(_ request: FetchRequest, as id: FetchID, completion: @escaping (Result<Void, TransferError>) -> Void) {
        let fetch = Fetch(request, paths: paths) { [weak self] result in
            self?.assumeIsolated { $0.fetches[id] = nil }
            completion(result)
        }
        fetches[id] = fetch
        fetch.start()
    }

    /// Closes the path of a fetch. Its completion still comes, and only then the destination is free. Harmless when it has ended.
    package func cancel(_ id: FetchID) { fetches[id]?.cancel() }

    /// Reads, and returns when every byte is in its place. Cancelling the task cancels the fetch and waits until its destination is free.
    package func fetch(_ request: sending FetchRequest) async throws(TransferError) {
        let id = newID()
        let result: Result<Void, TransferError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                start(request, as: id) { continuation.resume(returning: $0) }
                // The handler may have run before there was anything to cancel.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.cancel(id) } }
        }
        try result.get()
    }

    /// Fetches that have not ended.
    package var runningCount: Int { fetches.count }

    // MARK: Serving others

    /// Accepts readers. Port 0 takes any.
    ///
    /// - Returns: The address to be published to other owners under `TCPTransport.name`, with the port that was taken.
    package func listen(on address: SocketAddress) throws(SystemError) -> SocketAddress { try server.listen(on: address) }

    /// Gives out the right to read `bytes`, the part of `version` that starts at `offset`. They must stay in place and unchanged
    /// until `release`, which is called exactly once, on the loop.
    ///
    /// - Throws: Then `release` is not called.
    package func issueTicket(
        to asker: Asker, version: Version, offset: UInt64 = 0, bytes: SourceBytes, release: @escaping () -> Void
    ) throws(TicketIssueError) -> Ticket {
        let ticket = try tickets.issue(to: asker, version: version, offset: offset, bytes: bytes, now: loop.now, release: release)
        if ticketTimer == nil { watchTickets() }
        return ticket
    }

    /// Takes a ticket back unless somebody reads under it.
    package func revoke(_ ticket: Ticket) { tickets.revoke(ticket) }

    /// Tickets that have not ended, each of which pins its bytes.
    package var ticketCount: Int { tickets.count }

    /// `asker` restarted or left the roster: its paths are closed and its tickets end.
    package func sessionEnded(of asker: Asker) {
        tickets.revokeAll(of: asker)
        server.close(asker)
        rdma?.sessionEnded(of: asker)
        paths.forget(asker.instance)
    }

    /// Ends every fetch with `.closed` and every path of readers.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        ticketTimer?.cancel()
        paths.close()
        for id in fetches.keys.sorted(by: { $0.number < $1.number }) { fetches[id]?.cancel() }
        server.close()
        rdma?.close()
        tickets.revokeAll(issuedUntil: BootInstant(nanoseconds: .max))
    }

    /// A ticket that nobody redeems would pin its bytes for ever. Nobody reads under it, so that time alone may end it (M6).
    private func watchTickets() {
        guard let oldest = tickets.oldestUnused, !isClosed else { return }
        ticketTimer = loop.schedule(at: oldest.advanced(by: limits.unusedTicket)) { [weak self] in
            self?.assumeIsolated { $0.endUnusedTickets() }
        }
    }

    private func endUnusedTickets() {
        ticketTimer = nil
        let age = limits.unusedTicket.clampedNanoseconds
        tickets.revokeAll(issuedUntil: loop.now.advanced(by: .nanoseconds(-age)))
        watchTickets()
    }
}

/// One call of `TransferActor.start`.
package struct FetchID: Hashable, Sendable {
    let number: UInt64
}
