internal import FluxonCore
internal import FluxonPool
package import FluxonSystem
package import FluxonTransfer
package import Logging

/// Brings (key, version) from a holder into the pool: space, a ticket from the holder, the bytes (CONSISTENCY M1, M4, F3).
///
///     start ──extent reserved──▶ asking holder 1 ──granted──▶ transferring ──every byte, every checksum──▶ arrived
///                                   │ gone, notYet, unreachable        │ path and its retries failed
///                                   └──▶ asking holder 2 … ◀───────────┘          none left ──▶ failed
///                                        (the rest alone)
/// Where the master names a relay for a holder, `RelayedRead` takes the place of asking and transferring.
///
/// On the owner's loop only.
package final class ReplicaFetcher {
    private let loop: EventLoop
    private let transfer: TransferActor
    private let peers: OwnerPeers
    private let logger: Logger
    private let driver: ReplicaDriver
    /// Fetches that wait until processes have let go of idle pages.
    private var waiting: [(request: FetchRequest, timer: LoopTimer)] = []
    /// Asks the processes of this machine for the pages that they do not use.
    package var recallIdlePages: (_ byteCount: Int) -> Void = { _ in }
    /// What came through relays.
    package private(set) var relayed = RelayedFetchCounters()

    package init(loop: EventLoop, transfer: TransferActor, peers: OwnerPeers, driver: ReplicaDriver, logger: Logger) {
        self.loop = loop
        self.transfer = transfer
        self.peers = peers
        self.driver = driver
        self.logger = logger
    }

    package func start(_ request: FetchRequest) {
        guard !begin(request, evicts: true, waits: true) else { return }
        let timer = loop.schedule(after: Limits.spaceWait) { [weak self] in self?.endWaiting(request) }
        waiting.append((request, timer))
        recallIdlePages(Int(clamping: request.byteCount))
    }

    /// Pages came back.
    package func retryWaiting() {
        let list = waiting
        waiting = []
        for one in list {
            if begin(one.request, evicts: false, waits: true) { one.timer.cancel() } else { waiting.append(one) }
        }
    }

    private func endWaiting(_ request: FetchRequest) {
        guard let index = waiting.firstIndex(where: { $0.request.fetch == request.fetch }) else { return }
        waiting.remove(at: index)
        guard !begin(request, evicts: true, waits: false) else { return }
        logger.warning("no room to fetch", metadata: ["fluxon.bytes": "\(request.byteCount)"])
        driver.fetched(request, .noRoom)
    }

    /// False: there is no room now.
    ///
    /// - Parameter waits: processes are asked for idle pages afterwards.
    private func begin(_ request: FetchRequest, evicts: Bool, waits: Bool) -> Bool {
        guard let byteCount = Int(exactly: request.byteCount),
            let extent = driver.allocate(byteCount: byteCount, evicts: evicts, waits: waits),
            let destination = driver.pool.bytes(of: extent)
        else { return false }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: destination.prefix(byteCount))
        ask(Attempt(request: request, extent: extent, destination: Destination(bytes), holders: request.holders[...]))
        return true
    }

    package func close() {
        for one in waiting { one.timer.cancel() }
        waiting = []
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
        guard let holder = attempt.holders.popFirst() else { return giveUp(attempt) }
        if let relay = attempt.request.relays[holder] { return readThrough(relay, attempt, from: holder) }
        askTicket(for: attempt.request, holder) { [weak self] grant in
            guard let self else { return }
            if let grant { read(attempt, from: holder, grant) } else { ask(attempt) }
        }
    }

    private typealias Grant = (ticket: Ticket, length: UInt64, flags: UInt32, rdma: String)

    private func askTicket(for request: FetchRequest, _ holder: OwnerID, answer: @escaping (Grant?) -> Void) {
        let ticket = TicketRequest(
            key: request.key, version: request.version, asker: peers.identity.instance, generation: peers.identity.generation)
        peers.askTicket(ticket, of: holder) { reply in
            guard case .granted(let bytes, let length, let flags, let rdma) = reply, let ticket = Ticket(bytes: bytes) else {
                return answer(nil)
            }
            answer((ticket, length, flags, rdma))
        }
    }

    private func read(_ attempt: Attempt, from holder: OwnerID, _ grant: Grant) {
        guard grant.length == attempt.request.byteCount, let member = peers.member(holder) else { return ask(attempt) }
        var order = FluxonTransfer.FetchRequest(
            peer: TransferPeer(member, rdma: grant.rdma), ticket: grant.ticket, version: attempt.request.version,
            range: UInt64(attempt.verified)..<grant.length, destination: attempt.destination.dropFirst(attempt.verified),
            deadline: loop.now.advanced(by: Limits.fetchDeadline))
        order.renew = { [weak self] _, answer in
            guard let self else { return answer(nil) }
            askTicket(for: attempt.request, holder) { answer($0?.ticket) }
        }
        let carried = OnLoop((order, attempt, self))
        transfer.assumeIsolated { transfer in
            let (order, attempt, fetcher) = carried.value
            _ = transfer.start(order) { result in fetcher.ended(attempt, holder, grant.flags, result) }
        }
    }

    private func ended(_ attempt: Attempt, _ holder: OwnerID, _ flags: UInt32, _ result: Result<Void, TransferError>) {
        switch result {
        case .success:
            peers.transferSucceeded(holder)
            arrived(attempt, flags)
        case .failure(let error):
            peers.transferFailed(holder, error)
            var attempt = attempt
            attempt.verified += error.verified
            ask(attempt)
        }
    }

    /// The master has seen that the holder cannot be reached from here, and who reaches both.
    private func readThrough(_ relay: OwnerID, _ attempt: Attempt, from holder: OwnerID) {
        let order = RelayedRead.Order(
            request: attempt.request, holder: holder, relay: relay, range: UInt64(attempt.verified)..<attempt.request.byteCount,
            destination: attempt.destination, deadline: loop.now.advanced(by: Limits.fetchDeadline))
        let read = RelayedRead(order, loop: loop, peers: peers, transfer: transfer) { [weak self] verified, flags in
            guard let self else { return }
            relayed.bytes += UInt64(verified)
            if let flags {
                relayed.fetches += 1
                return arrived(attempt, flags)
            }
            var attempt = attempt
            attempt.verified += verified
            ask(attempt)
        }
        read.start()
    }

    private func arrived(_ attempt: Attempt, _ flags: UInt32) {
        driver.fetched(attempt.request, .arrived(extent: attempt.extent, flags: flags | ReplicaDriver.replicaFlag))
    }

    private func giveUp(_ attempt: Attempt) {
        driver.release(attempt.extent)
        // Why each of them did not is known best by now.
        let holders = attempt.request.holders.map(peers.describe).joined(separator: ", ")
        driver.fetched(attempt.request, .failed, because: holders)
    }
}

/// What came through relays since this owner's start; for `fluxon status`.
package struct RelayedFetchCounters: Hashable, Sendable {
    package var fetches: UInt64 = 0
    package var bytes: UInt64 = 0
}
