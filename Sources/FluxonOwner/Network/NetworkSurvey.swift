import FluxonCore
import FluxonRPC
import FluxonSystem
import FluxonTLS

/// Asks other owners, and the master, about the network, and gathers what they say. On the owner's loop only.
///
///     waiting owners ──at most 64 at a time──▶ asked ──answer, failure or its timeout──▶ heard
///                    └────────── the survey's own timeout: "not heard" ──▶ report
final class NetworkSurvey {
    private let loop: EventLoop
    private let tls: TLSContext?
    private let request: NetworkRequest
    private let completion: (NetworkReport) -> Void
    private var waiting: ArraySlice<MemberDescription>
    private var asked: [InstanceKey: (client: RPCClient, call: RPCStream)] = [:]
    private var heard: [InstanceKey: NetworkReport.Owner]
    private var masterCall: RPCStream?
    private var recorded: [NetworkReport.Owner] = []
    private var masterProblem = ""
    private var timer: LoopTimer?
    private var isEnded = false

    /// - Parameters:
    ///   - request: What is asked of each; the owner's name is put in.
    ///   - heard: What needs no question: this owner's own answer.
    ///   - completion: Called once, never within `start`, unless the survey is cancelled.
    init(
        loop: EventLoop, tls: TLSContext?, request: NetworkRequest, owners: [MemberDescription], heard: [NetworkReport.Owner],
        completion: @escaping (NetworkReport) -> Void
    ) {
        self.loop = loop
        self.tls = tls
        self.request = request
        waiting = owners[...]
        self.heard = Dictionary(heard.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.completion = completion
    }

    /// - Parameter master: The client of the master that leads; nil: there is none, for the reason that `leaderName` gives.
    func start(master: RPCClient?, leaderName: String) {
        timer = loop.schedule(after: Limits.networkSurveyTimeout) { [self] in end() }
        if let master {
            askMaster(master)
        } else {
            masterProblem = "this owner knows no master (leader: \(leaderName)), so what is recorded is not shown; start fluxon-master"
        }
        askNext()
        loop.inNextTick { [self] in endIfComplete() }
    }

    /// Whoever asked has gone.
    func cancel() {
        isEnded = true
        close()
    }

    private func askNext() {
        while asked.count < Limits.networkQuestions, let owner = waiting.popFirst() { ask(owner) }
    }

    private func ask(_ owner: MemberDescription) {
        let name = owner.instanceKey
        guard let target = try? SocketAddress(parsing: owner.address) else {
            return hear(name, problem: "its address '\(owner.address)' is none")
        }
        let client = RPCClient(loop: loop, target: target, tls: tls)
        let timeout = request.awaitedRevision > 0 ? Limits.networkConfirmation : Limits.networkQuestionTimeout
        let call = client.open(MethodPath.controlNetwork, deadline: timeout)
        asked[name] = (client, call)
        var answer: NetworkReport?
        call.onMessage = { answer = try? NetworkReport(decoding: $0) }
        call.onEnd = { [weak self] status in
            guard let self, !isEnded else { return }
            asked.removeValue(forKey: name)?.client.close()
            if let one = answer?.owners.first(where: { $0.name == name }) {
                heard[name] = one
            } else {
                hear(name, problem: Self.problem(status, at: owner.address, within: timeout))
            }
            askNext()
            endIfComplete()
        }
        var question = request
        question.owner = name
        question.isForwarded = true
        call.send(question.encoded())
        call.halfClose()
    }

    private func askMaster(_ client: RPCClient) {
        let call = client.open(MethodPath.controlNetwork, deadline: Limits.networkQuestionTimeout)
        masterCall = call
        var answer: NetworkReport?
        call.onMessage = { answer = try? NetworkReport(decoding: $0) }
        call.onEnd = { [weak self] status in
            guard let self, !isEnded else { return }
            masterCall = nil
            if let answer { recorded = answer.owners } else { masterProblem = "what is recorded is not shown: \(status)" }
            endIfComplete()
        }
        call.send(NetworkRequest(owner: request.owner).encoded())
        call.halfClose()
    }

    private static func problem(_ status: RPCStatus, at address: String, within timeout: Duration) -> String {
        switch status.code {
        case .ok: "what answers at \(address) is no owner of this version; update the older side"
        case .deadlineExceeded: "no answer from \(address) within \(timeout); is the process stopped, or the network between cut?"
        case .unimplemented: "the owner at \(address) is older than this one and does not know the question; update it"
        default: "no answer from \(address): \(status.message); start it again, or see its log"
        }
    }

    private func hear(_ name: InstanceKey, problem: String) {
        var owner = NetworkReport.Owner(name: name)
        owner.problem = String(problem.prefix(Limits.refusalBytes / 4))
        heard[name] = owner
    }

    private func endIfComplete() {
        if asked.isEmpty, waiting.isEmpty, masterCall == nil { end() }
    }

    private func end() {
        guard !isEnded else { return }
        isEnded = true
        for name in asked.keys.sorted() + waiting.map(\.instanceKey) {
            hear(name, problem: "not heard within the \(Limits.networkSurveyTimeout) for all owners; ask again with its name")
        }
        close()
        for known in recorded where request.owner == nil || request.owner == known.name {
            var owner =
                heard[known.name]
                ?? {
                    var absent = NetworkReport.Owner(name: known.name)
                    absent.problem = "it has not joined this master yet; start it, or see its log"
                    return absent
                }()
            owner.recorded = known.recorded
            owner.recordedRevision = known.recordedRevision
            if !known.problem.isEmpty { owner.problem = owner.problem.isEmpty ? known.problem : "\(owner.problem); \(known.problem)" }
            heard[known.name] = owner
        }
        var report = NetworkReport(owners: heard.values.sorted { $0.name < $1.name })
        report.problem = masterProblem
        completion(report)
    }

    private func close() {
        timer?.cancel()
        timer = nil
        masterCall?.cancel()
        masterCall = nil
        let questions = asked
        asked = [:]
        waiting = []
        for question in questions.values {
            question.call.cancel()
            question.client.close()
        }
    }
}
