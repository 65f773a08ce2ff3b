package import FluxonCore
import FluxonRPC
package import FluxonSystem
private import Glibc
package import Logging

/// The sidecar of one business process: attaches it to the owner of this machine and steps aside (DESIGN §5). Gets, puts and pins
/// then go process ↔ owner without a detour. On its loop only.
///
///     process ──FXA1──▶ sidecar ──FXA1 on behalf, pidfd──▶ owner
///             ◀── owner's connection, pool, pins, heat ──┘
package final class Sidecar {
    private let loop: EventLoop
    private let configuration: ExternalConfiguration
    private let logger: Logger
    private let server: RPCServer
    private let health: RPCHealth
    private var control: ControlForwarding?
    private var membership: Membership?
    /// The cluster does not take this sidecar; called once.
    package var onFatal: (FluxonError) -> Void = { _ in }
    private var listener: AttachListener?
    private var processes: [UInt64: AttachedProcess] = [:]
    private var attempts: [ObjectIdentifier: AttachConnector] = [:]
    private let ownUserID = getuid()

    package init(loop: EventLoop, configuration: ExternalConfiguration, logger: Logger) {
        self.loop = loop
        self.configuration = configuration
        self.logger = logger
        server = RPCServer(loop: loop, logger: logger)
        health = RPCHealth(on: server)
    }

    /// Makes the sidecar's socket. An owner need not be there yet: who attaches meanwhile is told so.
    ///
    /// - Throws: `.alreadyInUse` when another sidecar of this name serves it, `.system`.
    package func start() throws(FluxonError) {
        let path = configuration.socketPath
        let listener = AttachListener(loop: loop) { [weak self] call in
            self?.attach(call)
        } onPlain: { [weak self] descriptor in
            self?.server.adopt(descriptor, context: nil)
        }
        do {
            try File.makeDirectories(configuration.sharedFilePath)
            try listener.listen(path: path)
        } catch {
            guard error.isInUse else { throw FluxonError(.system, "open the sidecar's socket", cause: error) }
            let text = "another live sidecar '\(configuration.instanceKey)' serves \(path): stop it, or choose another instance_key"
            throw FluxonError(.alreadyInUse, text, cause: error)
        }
        self.listener = listener
        control = ControlForwarding(loop: loop, server: server) { [configuration] in try OwnerLocation(configuration).socket }
        let membership = Membership(
            loop: loop, clusterName: configuration.clusterName, member: description, logger: logger,
            location: { [configuration] in try OwnerLocation(configuration).socket }, onFatal: onFatal)
        membership.join()
        self.membership = membership
        health.set("", .serving)
        logger.info("sidecar listens", metadata: ["fluxon.socket": "\(configuration.socketPath)"])
    }

    /// Accepts nobody any more. Processes that are attached go on with the owner.
    package func stop() {
        health.set("", .notServing)
        listener?.close()
        listener = nil
        for attempt in attempts.values { attempt.cancel() }
        attempts = [:]
        for process in processes.values { process.forget() }
        processes = [:]
        membership?.leave()
        control?.close()
        server.close()
    }

    /// This process as `fluxon members` shows it.
    private var description: MemberDescription {
        var member = MemberDescription(role: .external, instanceKey: configuration.instanceKey)
        member.incarnation = String(UInt64.random(in: 1...UInt64.max), radix: 16)
        member.socket = configuration.socketPath
        member.host = HostName.current
        member.processID = UInt64(getpid())
        member.subCluster = configuration.subCluster ?? ""
        return member
    }

    /// Processes that this sidecar attached and that live.
    package var attachedProcesses: [Int32] { processes.values.map(\.processID).sorted() }

    // MARK: Attaching

    private func attach(_ call: AttachCall) {
        do {
            guard ProtocolVersion.isSpoken(Int(call.request.version)) else {
                let text = "the sidecar \(configuration.instanceKey) speaks protocol version \(ProtocolVersion.current), this process "
                throw FluxonError(
                    .versionMismatch, text + "\(call.request.version); versions may differ by one: update the older of the two")
            }
            let wanted = call.request.clusterName
            guard wanted.isEmpty || wanted == configuration.clusterName else {
                let text =
                    "the sidecar \(configuration.instanceKey) belongs to the cluster '\(configuration.clusterName)', this process asks for "
                throw FluxonError(.clusterMismatch, text + "'\(wanted)'; attach to a sidecar of that cluster, or correct the name")
            }
            let owner = try OwnerLocation(configuration)
            forward(call, to: owner.socket, peer: try call.peer(), process: try call.peerProcess())
        } catch let error as FluxonError {
            refuse(call, error)
        } catch {
            refuse(call, FluxonError(.system, "the sidecar \(configuration.instanceKey) cannot identify this process: \(error)"))
        }
    }

    private func forward(_ call: AttachCall, to socket: String, peer: PeerCredentials, process: consuming ProcessDescriptor) {
        var request = call.request
        request.version = UInt32(ProtocolVersion.current)
        request.clusterName = configuration.clusterName
        request.processName = "\(configuration.instanceKey)" + (request.processName.isEmpty ? "" : "/\(request.processName)")
        request.wishes.insert(.onBehalf)
        // The owner judges the sidecar's rights; those of its process are judged here.
        if peer.userID != ownUserID, peer.userID != 0 { request.wishes.remove(.writing) }
        let attached = AttachedProcess(peer: peer, process: process)
        let key = ObjectIdentifier(call)
        let attempt = AttachConnector.attach(loop: loop, path: socket, request: request, passing: [attached.descriptor]) {
            [weak self] result in
            self?.attempts[key] = nil
            self?.answer(call, attached, result)
        }
        if call.isOpen { attempts[key] = attempt }
    }

    private func answer(_ call: AttachCall, _ process: AttachedProcess, _ result: Result<AttachedSocket, FluxonError>) {
        switch result {
        case .failure(let error):
            logger.log(
                level: error.code.needsAPerson ? .error : .info, "process not attached",
                metadata: ["fluxon.process": "\(process.processID)", "fluxon.error": "\(error)"])
            refuse(call, FluxonError(error.code, "the owner did not attach this process: \(error.message)"))
        case .success(let attached):
            var answer = attached.answer
            answer.grants.insert(.forwarded)
            // The process compares clocks with the owner through two readings of its own, and versions with this sidecar.
            answer.version = UInt32(ProtocolVersion.current)
            // The descriptors are `attached`'s, and closed with it once the process has its own.
            let connection = withExtendedLifetime(attached) {
                call.answer(answer, descriptors: [attached.socketNumber] + attached.borrowed)
            }
            guard let connection else { return }
            server.adopt(connection, context: process)
            watch(process)
            logger.debug(
                "process attached", metadata: ["fluxon.process": "\(process.processID)", "fluxon.session": "\(answer.session)"])
        }
    }

    private func watch(_ process: AttachedProcess) {
        do throws(SystemError) {
            try process.watch(on: loop) { [weak self] in
                self?.processes[process.key] = nil
                self?.logger.debug("process ended", metadata: ["fluxon.process": "\(process.processID)"])
            }
            processes.updateValue(process, forKey: process.key)?.forget()
        } catch {
            // The owner watches it all the same; only this sidecar's list lacks it.
            logger.warning("process not watched", metadata: ["fluxon.process": "\(process.processID)", "fluxon.error": "\(error)"])
        }
    }

    private func refuse(_ call: AttachCall, _ error: FluxonError) {
        call.refuse(error, clusterName: configuration.clusterName, ownerName: "\(configuration.instanceKey)")
    }
}
