package import FluxonCore
package import FluxonPool
package import FluxonRPC
package import FluxonSystem
private import Glibc

/// The owner's side of its processes: accepts them on a Unix socket, gives them their part of the pool, serves their requests, and
/// takes everything back when they die (CONSISTENCY P7–P9, F1, F2, T1). On the owner's loop only.
package final class LocalService {
    let loop: EventLoop
    let pool: Pool
    let backend: any LocalBackend
    private(set) var identity: LocalIdentity
    /// Why nobody can attach now, if so: no master has taken this owner yet.
    package var obstacle: () -> FluxonError? = { nil }
    private let server: RPCServer
    private var listener: AttachListener?
    private(set) var sessions: [UInt64: ProcessSession] = [:]
    private var nextSession: UInt64 = 1
    private var nextLookup: UInt64 = 1
    var spaceTimer: LoopTimer?
    var isTurnEndDue = false
    private let ownUserID = getuid()
    /// A process unmapped pages, gave extents back, or died.
    package var onSpaceReturned: () -> Void = {}
    /// A process sent what this owner does not understand, for the first time in its session.
    package var onRefused: (ProcessDescription, String) -> Void = { _, _ in }

    /// - Parameter server: serves the connections, those that are not attached too; the caller adds other services to it.
    package init(loop: EventLoop, server: RPCServer, pool: Pool, backend: any LocalBackend, identity: LocalIdentity) {
        self.loop = loop
        self.server = server
        self.pool = pool
        self.backend = backend
        self.identity = identity
        server.handle(MethodPath.localSession) { [weak self] stream in self?.open(stream) }
    }

    /// Makes the owner's socket at `path`.
    package func listen(path: String) throws(SystemError) { try listen(SocketName(claiming: path)) }

    /// Makes the owner's socket under a name that is this owner's already.
    package func listen(_ name: consuming SocketName) throws(SystemError) {
        let listener = AttachListener(loop: loop) { [weak self] call in
            self?.attach(call)
        } onPlain: { [weak self] descriptor in
            self?.server.adopt(descriptor, context: nil)
        }
        try listener.listen(name)
        self.listener = listener
    }

    /// A master counts this life of the owner: from now on processes may attach.
    package func joined(as generation: Generation) {
        identity.generation = generation
        obstacle = { nil }
    }

    /// Accepts nobody any more. Attached processes go on until their connections end.
    package func close() {
        listener?.close()
        listener = nil
    }

    /// Ends every connection; the processes keep their sessions and come back to them (CONSISTENCY P8: a closed socket is not death).
    package func dropConnections() {
        for session in sessions.values { session.dropConnection() }
    }

    /// How many processes are attached, and what they hold.
    package var summary: LocalSummary {
        var summary = LocalSummary()
        for session in sessions.values { session.add(to: &summary) }
        return summary
    }

    /// Everything about each attached process that `status` shows, in the order of attaching.
    package var descriptions: [ProcessDescription] {
        sessions.values.map(\.description).sorted { $0.session < $1.session }
    }

    func takeLookupNumber() -> UInt64 {
        defer { nextLookup += 1 }
        return nextLookup
    }

    /// The session is over: dead, or left.
    func remove(_ session: ProcessSession) {
        sessions[session.number] = nil
        pool.processDied(session.number)
        if pool.retiredCount > 0 { pool.collect() }
        spaceReturned()
    }

    // MARK: Attaching

    private func attach(_ call: AttachCall) {
        do {
            if let refusal = identity.refusal(of: call.request) ?? obstacle() { throw refusal }
            let process = try ProcessIdentity.of(call, ownUserID: ownUserID)
            if let session = resumable(call.request, process) {
                return answer(call, session, isResumed: true)
            }
            let session = try makeSession(process, call.request)
            answer(call, session, isResumed: false)
        } catch let error as FluxonError {
            call.refuse(error, clusterName: identity.clusterName, ownerName: identity.owner.name)
        } catch {
            let refusal = FluxonError(.system, "the owner \(identity.owner) cannot attach this process: \(error)")
            call.refuse(refusal, clusterName: identity.clusterName, ownerName: identity.owner.name)
        }
    }

    /// T1: only the very process that made the session comes back to it.
    private func resumable(_ request: AttachRequest, _ process: borrowing ProcessIdentity) -> ProcessSession? {
        guard request.resumedGeneration == identity.generation.number, let session = sessions[request.resumedSession],
            session.isProcess(process)
        else { return nil }
        return session
    }

    private func makeSession(_ process: consuming ProcessIdentity, _ request: AttachRequest) throws -> ProcessSession {
        guard sessions.count < Limits.localSessions else {
            throw FluxonError(
                .unavailable,
                "\(sessions.count) stores are attached to the owner \(identity.owner), the limit; close some, or end processes")
        }
        let number = nextSession
        nextSession += 1
        let mayWrite = request.wishes.contains(.writing) && request.wishes.contains(.mapping) && process.mayWrite
        let attachment = try request.wishes.contains(.mapping) ? pool.attach(process: number, canPut: mayWrite) : nil
        do {
            let session = try ProcessSession(
                number: number, service: self, process: process, name: request.processName, attachment: attachment, mayWrite: mayWrite)
            sessions[number] = session
            return session
        } catch {
            pool.processDied(number)
            throw error
        }
    }

    private func answer(_ call: AttachCall, _ session: ProcessSession, isResumed: Bool) {
        var answer = AttachAnswer()
        answer.session = session.number
        answer.generation = identity.generation.number
        answer.epoch = pool.epoch
        answer.clusterName = identity.clusterName
        answer.ownerName = identity.owner.name
        answer.grants = session.grants.union(isResumed ? .resumed : [])
        answer.poolByteCount = UInt64(session.capacityBytes)
        answer.pinWords = session.pinWords
        answer.clock = BootClock.now
        // A process that nobody can reach is known by its death.
        guard let socket = call.answer(answer, descriptors: session.descriptors) else { return }
        server.adopt(socket, context: session)
    }

    private func open(_ stream: RPCStream) {
        guard let session = stream.connectionContext as? ProcessSession else {
            let text = "this connection is not attached: begin it with the FXA1 handshake, or use the key-value service"
            return stream.finish(RPCStatus(.failedPrecondition, text))
        }
        session.connect(LocalChannel(stream, loop: loop))
    }
}
