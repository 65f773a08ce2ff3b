package import FluxonCore
internal import FluxonRPC
package import FluxonSystem
package import FluxonTLS
package import FluxonTransfer
package import Logging

/// The other owners as this one reaches them: asks them for tickets and learns which it cannot connect to. On the owner's loop only.
///
///     OwnerPeers ──ask──▶ another owner ──no connection──▶ PeerReachability ──▶ onChange (the master hears of it)
///         └──────────── from time to time: a direct attempt ◀──────────────────────┘
package final class OwnerPeers {
    private let loop: EventLoop
    private let transfer: TransferActor
    let identity: Asker
    private let tls: TLSContext?
    private let logger: Logger
    /// Addresses of owners, as the master's directory has them now.
    private let directory: () -> [OwnerID: MemberDescription]
    private var clients: [String: RPCClient] = [:]
    private var reachability = PeerReachability()
    /// Why the last question to an owner had no answer, until it has one.
    private var problems: [OwnerID: String] = [:]
    private var timer: (due: BootInstant, timer: LoopTimer)?
    private var isClosed = false

    /// Others can be reached now than before; all that cannot, ascending.
    package var onChange: ([OwnerID]) -> Void = { _ in }

    package init(
        loop: EventLoop, transfer: TransferActor, identity: Asker, tls: TLSContext?, logger: Logger,
        directory: @escaping () -> [OwnerID: MemberDescription]
    ) {
        self.loop = loop
        self.transfer = transfer
        self.identity = identity
        self.tls = tls
        self.logger = logger
        self.directory = directory
    }

    package func member(_ owner: OwnerID) -> MemberDescription? { directory()[owner] }

    /// An owner's name, and what is the matter with it.
    package func describe(_ owner: OwnerID) -> String {
        let name = member(owner)?.instanceKey.name ?? "owner \(owner.number)"
        return problems[owner].map { "\(name) (\($0))" } ?? name
    }

    /// For `fluxon status`.
    package var unreachableNames: [String] { reachability.unreachable.map { member($0)?.instanceKey.name ?? "owner \($0.number)" } }

    package func close() {
        isClosed = true
        timer?.timer.cancel()
        for client in clients.values { client.close() }
        clients = [:]
    }

    // MARK: Asking

    /// Asks for a ticket. Nil: no answer came, or the call was cancelled. `answer` runs on the loop, once, never within
    /// this call.
    ///
    /// - Returns: The call; nil when the directory has no address of the owner.
    @discardableResult
    func askTicket(
        _ request: TicketRequest, of owner: OwnerID, deadline: Duration = Limits.ticketDeadline, answer: @escaping (TicketAnswer?) -> Void
    ) -> RPCStream? {
        guard let member = member(owner), let client = client(for: member.address) else {
            problems[owner] = "the master's list of members has no address of it"
            loop.inNextTick { answer(nil) }
            return nil
        }
        let stream = client.open(MethodPath.ownerTicket, deadline: deadline)
        var received: TicketAnswer?
        stream.onMessage = { bytes in received = try? TicketAnswer(decoding: bytes) }
        stream.onEnd = { [weak self] status in
            if received == nil { self?.unanswered(owner, member, status, client) } else { self?.problems[owner] = nil }
            answer(received)
        }
        stream.send(request.encoded())
        stream.halfClose()
        return stream
    }

    private func client(for address: String) -> RPCClient? {
        guard !isClosed else { return nil }
        if let client = clients[address] { return client }
        guard let target = try? SocketAddress(parsing: address) else { return nil }
        let client = RPCClient(loop: loop, target: target, connectTimeout: Limits.peerConnectTimeout, tls: tls)
        clients[address] = client
        return client
    }

    private func unanswered(_ owner: OwnerID, _ member: MemberDescription, _ status: RPCStatus, _ client: RPCClient) {
        let isRefused = status.cause is TLSError
        guard client.couldNotConnect || isRefused || status.code == .deadlineExceeded else {
            guard status.code != .cancelled else { return }
            let words = status.isOK ? "what it answered is no ticket; is it another version?" : "\(status)"
            return tell(owner, member, words, level: .notice, "another owner gives no ticket")
        }
        if !client.couldNotConnect, !isRefused { giveUp(client, of: member) }
        failed(owner, member, "\(status)", isRefused: isRefused)
    }

    /// Silence on a connection that stands: the network may have gone since, and the next call needs another one to find out.
    private func giveUp(_ client: RPCClient, of member: MemberDescription) {
        if clients[member.address] === client { clients[member.address] = nil }
        loop.inNextTick { client.close() }
    }

    // MARK: What is learned

    /// A transfer from `owner` ended with this error.
    func transferFailed(_ owner: OwnerID, _ error: TransferError) {
        switch error.reason {
        case .connectFailed, .stalled, .securityFailed:
            let isRefused = if case .securityFailed = error.reason { true } else { false }
            if let member = member(owner) { failed(owner, member, "\(error)", isRefused: isRefused) }
        // Routine: the copy was evicted or is on its way, and the lookup is repeated.
        case .gone, .notYet, .cancelled, .closed: break
        default:
            if let member = member(owner) { tell(owner, member, "\(error)", level: .notice, "a value did not come from another owner") }
        }
    }

    /// Bytes of `owner` came directly.
    func transferSucceeded(_ owner: OwnerID) {
        if let member = member(owner) { reached(owner, member) }
    }

    /// Bytes of `owner` came through a relay: the direct way is tried from time to time.
    func relayed(from owner: OwnerID) {
        reachability.relayed(from: owner)
        armTimer()
    }

    /// The master's directory has changed.
    package func directoryChanged() {
        let addresses = Set(directory().values.map(\.address))
        for (address, client) in clients where !addresses.contains(address) {
            clients[address] = nil
            loop.inNextTick { client.close() }
        }
        if reachability.learn(directory()) { onChange(reachability.unreachable) }
        problems = problems.filter { member($0.key) != nil }
        armTimer()
    }

    /// - Parameter isRefused: Its TLS and this owner's do not fit, which no waiting mends.
    private func failed(_ owner: OwnerID, _ member: MemberDescription, _ cause: String, isRefused: Bool = false) {
        guard !isClosed else { return }
        tell(
            owner, member, cause, level: isRefused ? .error : .notice, "another owner cannot be reached; the master looks for a way around")
        if reachability.failed(owner, member, now: loop.now) { onChange(reachability.unreachable) }
        armTimer()
    }

    /// Once for each cause, until the owner has answered.
    private func tell(_ owner: OwnerID, _ member: MemberDescription, _ cause: String, level: Logger.Level, _ what: String) {
        guard problems.updateValue(cause, forKey: owner) != cause else { return }
        logger.log(
            level: level, "\(what)", metadata: ["fluxon.member": "\(member.instanceKey)", "fluxon.error": "\(cause)"])
    }

    private func reached(_ owner: OwnerID, _ member: MemberDescription) {
        problems[owner] = nil
        guard reachability.reached(owner) else { return }
        logger.notice("another owner can be reached again", metadata: ["fluxon.member": "\(member.instanceKey)"])
        onChange(reachability.unreachable)
    }

    // MARK: Direct attempts

    private func armTimer() {
        guard let due = reachability.nextAttempt, !isClosed else { return }
        if let timer, timer.due <= due { return }
        timer?.timer.cancel()
        timer = (due, loop.schedule(at: due) { [weak self] in self?.attemptDue() })
    }

    private func attemptDue() {
        timer = nil
        for owner in reachability.takeAttempts(now: loop.now) { attempt(owner) }
        armTimer()
    }

    /// Both addresses must answer. The questions are such that any answer will do: neither pins nor costs anything there.
    private func attempt(_ owner: OwnerID) {
        guard let member = member(owner), let client = client(for: member.address) else {
            reachability.notAttempted(owner, now: loop.now)
            return
        }
        let stream = client.open(MethodPath.healthCheck, deadline: Limits.directAttemptDeadline)
        stream.onEnd = { [weak self] status in
            guard let self else { return }
            let isSilent = client.couldNotConnect || [.deadlineExceeded, .unavailable].contains(status.code)
            guard isSilent else { return attemptBulk(owner, member) }
            let isRefused = status.cause is TLSError
            if !client.couldNotConnect, !isRefused { giveUp(client, of: member) }
            failed(owner, member, "\(status)", isRefused: isRefused)
        }
        stream.send([])
        stream.halfClose()
    }

    private func attemptBulk(_ owner: OwnerID, _ member: MemberDescription) {
        guard !isClosed else { return }
        // Nobody can have given out this ticket, so that the source says `gone`: over this path, in its own words.
        var generator = SystemRandomNumberGenerator()
        let request = FluxonTransfer.FetchRequest(
            peer: TransferPeer(member, rdma: ""), ticket: Ticket(using: &generator), version: Version(term: 0, sequence: 0), range: 0..<0,
            destination: Destination(UnsafeMutableRawBufferPointer(start: nil, count: 0)),
            deadline: loop.now.advanced(by: Limits.directAttemptDeadline))
        let carried = OnLoop((request, self))
        transfer.assumeIsolated { transfer in
            let (request, peers) = carried.value
            _ = transfer.start(request) { result in
                switch result {
                case .failure(let error) where error.isSilence: peers.failed(owner, member, "\(error)")
                case .success, .failure: peers.reached(owner, member)
                }
            }
        }
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

extension TransferError {
    /// Nothing came from the source.
    fileprivate var isSilence: Bool {
        switch reason {
        case .connectFailed, .connectionLost, .stalled, .deadlineExceeded, .cancelled, .closed: true
        default: false
        }
    }
}
