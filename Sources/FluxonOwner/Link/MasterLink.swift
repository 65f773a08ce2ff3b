package import FluxonCore
internal import FluxonRPC
package import FluxonSystem
package import FluxonTLS
package import FluxonTransfer
package import Logging

/// The owner's connection to whichever master leads: carries frames, follows the leader, connects again.
///
///     no leader ──leader key──▶ connecting ──join, hello──▶ linked ──lost──▶ (pause) ──▶ connecting
///                                   ▲───────────── another leader key ────────┘
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
    private var directoryFailures = 0
    private var retry: LoopTimer?
    private var failures = 0
    private var patience = RefusalPatience()
    /// The loss that the log told of last; the same again is not told again.
    private var toldLoss: String?
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
    package var isLinked: Bool { stream != nil }
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
        connect()
    }

    package func send(_ frame: OwnerFrame) { stream?.send(frame.encoded()) }

    /// The session is over: a new connection begins another.
    package func reconnect() {
        disconnect()
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
        case .oldTerm, .notYet:
            logger.notice("not taken yet", metadata: ["fluxon.reason": "\(refusal.message)"])
            reconnect()
        }
    }

    // MARK: The connection

    private func connect() {
        guard let leader, !isClosed, stream == nil else { return }
        retry?.cancel()
        let client = RPCClient(loop: loop, target: leader, tls: tls)
        self.client = client
        let stream = client.openWithoutDeadline(MethodPath.masterLink, waitsForConnection: true)
        self.stream = stream
        stream.onMessage = { [weak self] bytes in self?.received(bytes) }
        stream.onEnd = { [weak self] status in self?.ended(status) }
        stream.send(JoinRequest(clusterName: cluster, member: member).encoded())
        watchDirectory(client)
        driver.connected()
    }

    private func watchDirectory(_ client: RPCClient) {
        directory.listBegins()
        let stream = client.openWithoutDeadline(MethodPath.masterDirectory, waitsForConnection: true)
        directoryStream = stream
        stream.onMessage = { [weak self, weak stream] bytes in
            do throws(ProtobufError) {
                let page = try DirectoryPage(decoding: bytes)
                self?.directoryFailures = 0
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
        directoryFailures += 1
        directoryRetry = loop.schedule(after: min(.milliseconds(100 << min(directoryFailures, 9)), .seconds(30))) { [weak self] in
            // With the connection the link ends as well, and says so.
            guard let self, self.client === client else { return }
            if directoryFailures == 1 {
                logger.error("no directory of owners; asking again", metadata: ["fluxon.error": "\(why)", "fluxon.leader": "\(leaderName)"])
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
            failures = 0
            patience.accepted()
            toldLoss = nil
            driver.received(frame)
        } catch {
            logger.error("a frame of the master makes no sense", metadata: ["fluxon.error": "\(error)"])
            reconnect()
        }
    }

    private func ended(_ status: RPCStatus) {
        stream = nil
        disconnect()
        switch status.code {
        case .failedPrecondition: return onFatal(FluxonError(.clusterMismatch, status.message))
        case .alreadyExists where patience.isOver(refusedAt: loop.now):
            return onFatal(FluxonError(.alreadyInUse, status.message))
        default: break
        }
        if toldLoss != "\(status)" {
            toldLoss = "\(status)"
            logger.notice("link to the master lost; trying on", metadata: ["fluxon.status": "\(status)", "fluxon.leader": "\(leaderName)"])
        }
        scheduleConnect()
    }

    private func disconnect() {
        let stream = stream
        self.stream = nil
        stream?.onEnd = nil
        stream?.cancel()
        directoryRetry?.cancel()
        let directoryStream = directoryStream.take()
        directoryStream?.onEnd = nil
        directoryStream?.cancel()
        client?.close()
        client = nil
        retry?.cancel()
        driver.disconnected()
    }

    private func scheduleConnect() {
        guard !isClosed else { return }
        failures += 1
        let pause = min(Duration.milliseconds(20 << min(failures, 6)), .seconds(1))
        retry?.cancel()
        retry = loop.schedule(after: pause) { [weak self] in self?.connect() }
    }
}
