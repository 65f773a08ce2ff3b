import FluxonCore
import FluxonRPC
import FluxonSystem
import Logging

/// The external's place in the cluster, in the name of its business process: a stream to the master by way of this machine's owner,
/// open for as long as both live. On the loop only.
///
///     away ──owner found──▶ joining ──answer──▶ joined ──stream ends──▶ (pause) ──▶ away
///                              └── instance_key in use for longer than a death takes to be noticed ──▶ fatal
final class Membership {
    private let loop: EventLoop
    private let clusterName: String
    private let member: MemberDescription
    private let logger: Logger
    private let location: () throws -> String
    private let onFatal: (FluxonError) -> Void
    private var client: RPCClient?
    private var stream: RPCStream?
    private var retry: LoopTimer?
    private var patience = RefusalPatience()

    private var backoff = Backoff(first: .milliseconds(200), longest: .seconds(2))
    /// Why this sidecar has no place in the cluster.
    private var trouble = StateLog<String>()

    /// - Parameters:
    ///   - location: The owner's socket, asked anew for each attempt.
    ///   - onFatal: Called once, when another live process has the `instance_key`, or the cluster is another one.
    init(
        loop: EventLoop, clusterName: String, member: MemberDescription, logger: Logger, location: @escaping () throws -> String,
        onFatal: @escaping (FluxonError) -> Void
    ) {
        self.loop = loop
        self.clusterName = clusterName
        self.member = member
        self.logger = logger
        self.location = location
        self.onFatal = onFatal
    }

    func join() {
        guard let path = try? location() else { return rejoin() }
        let client = RPCClient(loop: loop, target: .unix(path))
        let stream = client.openWithoutDeadline(MethodPath.masterPresence)
        self.client = client
        self.stream = stream
        stream.onMessage = { [weak self] bytes in self?.joined(bytes) }
        stream.onEnd = { [weak self] status in self?.ended(status) }
        stream.send(JoinRequest(clusterName: clusterName, member: member).encoded())
    }

    func leave() {
        retry?.cancel()
        stream?.onEnd = nil
        stream?.cancel()
        stream = nil
        client?.close()
        client = nil
    }

    private func joined(_ bytes: [UInt8]) {
        guard let answer = try? JoinAnswer(decoding: bytes) else { return }
        patience.accepted()
        backoff.succeeded()
        _ = trouble.cleared()
        logger.info("joined the cluster", metadata: ["fluxon.term": "\(answer.term)"])
    }

    private func ended(_ status: RPCStatus) {
        leave()
        switch status.code {
        case .failedPrecondition: return onFatal(FluxonError(.clusterMismatch, status.message))
        case .alreadyExists where patience.isOver(refusedAt: loop.now): return onFatal(FluxonError(.alreadyInUse, status.message))
        default: break
        }
        if let count = trouble.note("\(status)", now: loop.now) {
            logger.notice("not in the cluster; trying on", metadata: ["fluxon.status": "\(status)", "fluxon.times": "\(count)"])
        }
        rejoin()
    }

    private func rejoin() {
        retry?.cancel()
        retry = loop.schedule(after: backoff.next()) { [weak self] in self?.join() }
    }
}
