package import FluxonCore
internal import FluxonRPC
package import FluxonSystem
package import FluxonTLS
package import FluxonTransfer
package import Logging

/// The owner's connection to whichever master leads: carries frames, follows the leader, connects again.
///
///     no leader ──leader key──▶ connecting ──join, hello──▶ linked ──welcome──▶ taken ──lost──▶ (pause) ──▶ connecting
///                                   ▲    └── refused, or lost: a pause that grows until the next welcome ──┘   │
///                                   └───────────────────── another leader key ────────────────────────────────┘
///
/// On the owner's loop only.
package final class MasterLink {
    private let loop: EventLoop
    private let cluster: String
    private let member: MemberDescription
    private let tls: TLSContext?
    private let driver: ReplicaDriver
    private let logger: Logger
    private var leader: SocketAddress?
    private(set) var client: RPCClient?
    private var stream: RPCStream?
    private var directoryStream: RPCStream?
    private var directoryRetry: LoopTimer?
    private var directoryBackoff = Backoff(first: .milliseconds(100), longest: .seconds(30))
    private var directoryTrouble = StateLog<String>()
    private var retry: LoopTimer?
    private var isRetryDue = false
    private var backoff = Backoff(first: .milliseconds(40), longest: .seconds(1))
    private var patience = RefusalPatience()
    /// Why no master takes this owner.
    private var trouble = StateLog<String>()
    private var loss: String?
    private var isClosed = false

    private var directory = PeerDirectory()
    /// An owner's process is over: nobody reads under its tickets any more.
    package var onPeerEnded: (Asker) -> Void = { _ in }
    /// The owners or their addresses may be others than before.
    package var onDirectory: () -> Void = {}
    /// What this owner cannot go on with; called once.
    package var onFatal: (FluxonError) -> Void = { _ in }

    package init(
        loop: EventLoop, cluster: String, member: MemberDescription, tls: TLSContext?, driver: ReplicaDriver, logger: Logger
    ) {
        self.loop = loop
        self.cluster = cluster
        self.member = member
        self.tls = tls
        self.driver = driver
        self.logger = logger
    }

    /// The owners by their numbers, from the master's directory.
    package var owners: [OwnerID: MemberDescription] { directory.owners }
    package var isLinked: Bool { driver.table.isLinked }
    /// It has joined at a master, which may not have said anything yet.
    package var hasJoined: Bool { stream != nil }
    /// The log has said why no master takes this owner.
    package var isTroubled: Bool { trouble.current != nil }
    /// Why there is no link to the leader, as the log told it last; nil: there is one, it is being made, or nobody leads.
    package var problem: String? { hasLeader && !isLinked ? loss.map { "no link to the master at \(leaderName): \($0)" } : nil }
    package var hasLeader: Bool { leader != nil }
    package var leaderName: String { leader.map { "\($0)" } ?? "none" }

    /// The leader key changed; nil: there is none.
    package func leaderChanged(to address: SocketAddress?) {
        guard address != leader, !isClosed else { return }
        logger.info("leader", metadata: ["fluxon.leader": "\(address.map { "\($0)" } ?? "none")"])
        leader = address
        // Without a leader the old one may still act until its authority ends; it stays connected.
        guard address != nil else { return }
        disconnect()
        backoff.succeeded()
        connect()
    }

    /// A connection of its own to the leader, for a call that ends the leader's term and is answered by it none the less: the link's
    /// goes when another master leads. Whoever gets it closes it.
    func dial() -> RPCClient? {
        guard let leader, !isClosed else { return nil }
        return RPCClient(loop: loop, target: leader, tls: tls)
    }

    package func send(_ frame: OwnerFrame) { stream?.send(frame.encoded()) }

    /// The session is over: a new stream begins another.
    package func reconnect() {
        // The master may have ended the stream in the same turn as the word that it refuses.
        guard !isRetryDue else { return }
        leave()
        scheduleConnect()
    }

    package func close() {
        isClosed = true
        disconnect()
    }

    /// The master does not take this owner.
    package func refused(_ refusal: LinkRefusal) {
        switch refusal.reason {
        case .clusterMismatch: onFatal(FluxonError(.clusterMismatch, refusal.message + "; make cluster_name equal in both configurations"))
        case .superseded:
            onFatal(FluxonError(.alreadyInUse, refusal.message + "; give one of the two another instance_key"))
        case .protocolViolation: onFatal(FluxonError(.protocolViolation, refusal.message))
        case .oldTerm, .notYet, .unknownHistory:
            isRefused("not taken yet; trying on", reason: "\(refusal.reason)", refusal.message)
            reconnect()
        }
    }

    /// - Parameter reason: What makes it another reason than the last one; the words may name times that pass.
    private func isRefused(_ what: String, reason: String, _ words: String, level: Logger.Level = .warning) {
        loss = words
        guard let count = trouble.note(reason, now: loop.now) else { return }
        ServiceNotifier.status("waits: \(words)")
        logger.log(
            level: level, "\(what)", metadata: ["fluxon.reason": "\(words)", "fluxon.leader": "\(leaderName)", "fluxon.times": "\(count)"])
    }

    private func taken() {
        backoff.succeeded()
        loss = nil
        guard trouble.cleared() else { return }
        ServiceNotifier.status("serves")
        logger.notice("taken by a master", metadata: ["fluxon.leader": "\(leaderName)"])
    }

    // MARK: The connection

    private func connect() {
        guard let leader, !isClosed, stream == nil else { return }
        retry?.cancel()
        isRetryDue = false
        let client = self.client ?? RPCClient(loop: loop, target: leader, tls: tls)
        client.onDisconnect = { [weak self] error in
            self?.isRefused("no link to the master; trying on", reason: "\(error)", "\(error)", level: Self.level(of: error.cause))
        }
        self.client = client
        let stream = client.openWithoutDeadline(MethodPath.masterLink, waitsForConnection: true)
        self.stream = stream
        stream.onMessage = { [weak self] bytes in self?.received(bytes) }
        stream.onEnd = { [weak self] status in self?.ended(status) }
        stream.send(JoinRequest(clusterName: cluster, member: member).encoded())
        if directoryStream == nil { watchDirectory(client) }
        driver.connected()
    }

    private func watchDirectory(_ client: RPCClient) {
        directory.listBegins()
        let stream = client.openWithoutDeadline(MethodPath.masterDirectory, waitsForConnection: true)
        directoryStream = stream
        stream.onMessage = { [weak self, weak stream] bytes in
            do throws(ProtobufError) {
                let page = try DirectoryPage(decoding: bytes)
                self?.directoryBackoff.succeeded()
                _ = self?.directoryTrouble.cleared()
                self?.learn(page)
            } catch {
                self?.lostDirectory("a message of \(bytes.count) bytes makes no sense: \(error)", client)
                stream?.cancel()
            }
        }
        stream.onEnd = { [weak self] status in self?.lostDirectory("\(status)", client) }
        stream.send([])
        stream.halfClose()
    }

    /// The directory's stream alone is over: what is known of other owners stays and grows old, so it is asked for again.
    private func lostDirectory(_ why: String, _ client: RPCClient) {
        guard directoryStream.take() != nil, self.client === client else { return }
        directoryRetry = loop.schedule(after: directoryBackoff.next()) { [weak self] in
            // With the connection the link ends as well, and says so.
            guard let self, self.client === client, directoryStream == nil else { return }
            if let count = directoryTrouble.note(why, now: loop.now) {
                logger.error(
                    "no directory of owners; asking again",
                    metadata: ["fluxon.error": "\(why)", "fluxon.leader": "\(leaderName)", "fluxon.times": "\(count)"])
            }
            watchDirectory(client)
        }
    }

    private func learn(_ page: DirectoryPage) {
        for asker in directory.learn(page) {
            logger.info("another owner's process is over", metadata: ["fluxon.instance": "\(asker.instance)"])
            onPeerEnded(asker)
        }
        onDirectory()
    }

    private func received(_ bytes: [UInt8]) {
        do throws(ProtobufError) {
            let frame = try MasterFrame(decoding: bytes)
            patience.accepted()
            switch frame.control {
            case .welcome, .grant: taken()
            case .refused, nil: break
            }
            driver.received(frame)
        } catch {
            logger.error("a frame of the master makes no sense", metadata: ["fluxon.error": "\(error)"])
            reconnect()
        }
    }

    private func ended(_ status: RPCStatus) {
        stream = nil
        // The master has said why before, and still answers.
        guard !status.isOK else { return reconnect() }
        disconnect()
        switch status.code {
        case .failedPrecondition: return onFatal(FluxonError(.clusterMismatch, status.message))
        case .alreadyExists where patience.isOver(refusedAt: loop.now):
            return onFatal(FluxonError(.alreadyInUse, status.message))
        default: break
        }
        isRefused("no link to the master; trying on", reason: "\(status)", "\(status)", level: Self.level(of: status.cause))
        scheduleConnect()
    }

    /// A certificate that is refused is a person's to mend: trying on does not help by itself.
    private static func level(of cause: (any Error)?) -> Logger.Level { cause is TLSError ? .error : .warning }

    private func disconnect() {
        leave()
        directoryRetry?.cancel()
        let directoryStream = directoryStream.take()
        directoryStream?.onEnd = nil
        directoryStream?.cancel()
        client?.close()
        client = nil
    }

    /// Ends the link alone: a master that refuses this owner still answers its tools, and tells it of the others.
    private func leave() {
        let stream = stream
        self.stream = nil
        stream?.onEnd = nil
        stream?.cancel()
        retry?.cancel()
        isRetryDue = false
        driver.disconnected()
    }

    private func scheduleConnect() {
        guard !isClosed else { return }
        retry?.cancel()
        isRetryDue = true
        retry = loop.schedule(after: backoff.next()) { [weak self] in
            self?.isRetryDue = false
            self?.connect()
        }
    }
}
