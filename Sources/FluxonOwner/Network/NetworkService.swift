import FluxonCore
import FluxonRPC
import FluxonSystem
import FluxonTLS
import FluxonTransfer

/// What an owner tells of its own and, for whoever is on its machine, of every owner's network; and the way of a switch to the master.
/// On the owner's loop only.
final class NetworkService {
    private let loop: EventLoop
    private let instance: InstanceKey
    private let transfer: TransferActor
    private let link: MasterLink
    private let tls: TLSContext?
    private var surveys: [ObjectIdentifier: NetworkSurvey] = [:]
    /// Calls that wait for settings to be in force.
    private var waiters: [ObjectIdentifier: Waiter] = [:]

    private struct Waiter {
        let stream: RPCStream
        let request: NetworkRequest
        let timer: LoopTimer
    }

    /// Before the asker's deadline, so that the answer that says what is in force instead arrives on a busy machine too.
    private static let answerMargin = Duration.milliseconds(500)

    init(loop: EventLoop, instance: InstanceKey, transfer: TransferActor, link: MasterLink, tls: TLSContext?) {
        self.loop = loop
        self.instance = instance
        self.transfer = transfer
        self.link = link
        self.tls = tls
    }

    /// On the owner's address and on its socket.
    func registerQuestions(on server: RPCServer) {
        server.unaryLater(MethodPath.controlNetwork) { [weak self] bytes, stream in self?.answer(stream, bytes) }
    }

    /// On the owner's socket alone: whoever the socket's mode lets in may switch.
    func registerChanges(on server: RPCServer) {
        server.unaryLater(MethodPath.controlNetworkChange) { [weak self] bytes, stream in
            guard let client = self?.link.client else {
                return stream.finish(
                    RPCStatus(.unavailable, "nothing is switched: this owner knows no master, which records it; start fluxon-master"))
            }
            let call = client.open(MethodPath.controlNetworkChange, deadline: Limits.networkChangeTimeout)
            call.onMessage = { [weak stream] in stream?.send($0) }
            call.onEnd = { [weak stream] in stream?.finish($0) }
            stream.onEnd = { _ in call.cancel() }
            call.send(bytes)
            call.halfClose()
        }
    }

    /// Settings came into force, or could not.
    func settingsChanged() {
        let revision = transfer.assumeIsolated { $0.settingsRevision }
        for (id, waiter) in waiters where waiter.request.awaitedRevision <= revision { finish(id) }
    }

    func close() {
        for survey in surveys.values { survey.cancel() }
        surveys = [:]
        for waiter in waiters.values { waiter.timer.cancel() }
        waiters = [:]
    }

    // MARK: Questions

    private func answer(_ stream: RPCStream, _ bytes: [UInt8]) {
        let request: NetworkRequest
        do throws(ProtobufError) { request = try NetworkRequest(decoding: bytes) } catch {
            return stream.finish(RPCStatus(.invalidArgument, "the question about the network makes no sense: \(error)"))
        }
        if request.owner == instance { return answerForItself(stream, request) }
        guard !request.isForwarded else {
            let asked = request.owner.map { "for \($0)" } ?? "for every owner"
            return stream.finish(
                RPCStatus(.failedPrecondition, "this is \(instance), asked \(asked); its address is out of date, ask again"))
        }
        survey(stream, request)
    }

    private func answerForItself(_ stream: RPCStream, _ request: NetworkRequest) {
        let revision = transfer.assumeIsolated { $0.settingsRevision }
        guard request.awaitedRevision > revision, waiters.count < Limits.networkWaiters else { return send(own(request), on: stream) }
        let latest = loop.now.advanced(by: Limits.networkConfirmation)
        let due = (stream.deadline.map { min($0, latest) } ?? latest).advanced(by: .zero - Self.answerMargin)
        let id = ObjectIdentifier(stream)
        waiters[id] = Waiter(
            stream: stream, request: request, timer: loop.schedule(at: due) { [weak self] in self?.finish(id) })
        stream.onEnd = { [weak self] _ in self?.waiters.removeValue(forKey: id)?.timer.cancel() }
    }

    private func finish(_ id: ObjectIdentifier) {
        guard let waiter = waiters.removeValue(forKey: id) else { return }
        waiter.timer.cancel()
        send(own(waiter.request), on: waiter.stream)
    }

    private func own(_ request: NetworkRequest) -> NetworkReport {
        var owner = NetworkReport.Owner(name: instance)
        let limit = Int(clamping: min(request.peerLimit, UInt64(Limits.networkPeers)))
        owner.answer = transfer.assumeIsolated { $0.networkAnswer(peerLimit: limit) }
        return NetworkReport(owners: [owner])
    }

    private func survey(_ stream: RPCStream, _ request: NetworkRequest) {
        let others = link.owners.values.filter { $0.instanceKey != instance }.sorted { $0.instanceKey < $1.instanceKey }
        let asked = request.owner.map { name in others.filter { $0.instanceKey == name } } ?? others
        var request = request
        request.peerLimit = min(request.peerLimit, UInt64(max(1, Limits.networkReportPeers / (others.count + 1))))
        guard surveys.count < Limits.networkSurveys else {
            return stream.finish(
                RPCStatus(.resourceExhausted, "\(surveys.count) questions about every owner's network are being answered; try again"))
        }
        let id = ObjectIdentifier(stream)
        let survey = NetworkSurvey(
            loop: loop, tls: tls, request: request, owners: asked, heard: request.owner == nil ? own(request).owners : []
        ) { [weak self, weak stream] report in
            self?.surveys[id] = nil
            if let self, let stream { send(report, on: stream) }
        }
        surveys[id] = survey
        stream.onEnd = { [weak self] _ in self?.surveys.removeValue(forKey: id)?.cancel() }
        survey.start(master: link.client, leaderName: link.leaderName)
    }

    private func send(_ report: NetworkReport, on stream: RPCStream) {
        stream.send(report.encoded())
        stream.finish(.ok)
    }
}
