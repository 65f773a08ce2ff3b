package import FluxonCore
package import FluxonEtcd
package import FluxonRPC
package import FluxonSystem
package import Logging

/// Gives the routing table time, links and the roster. Lives on the master's loop; links call it there without a hop.
///
///     standing by ──lead──▶ leading ──deposed (a guard failed)──▶ standing by: links are closed, a new table comes with the next term
package actor RoutingActor {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }

    /// Writes a roster entry in a guarded transaction. Calls back on the loop: true written, false the guard failed.
    package typealias RosterWriter = @Sendable (_ change: RosterChange, _ done: @escaping @Sendable (Bool) -> Void) -> Void

    let cluster: String
    /// This process, as `fluxon members` shows it.
    let master: MemberDescription
    private let logger: Logger
    var table: RoutingTable?
    private var writeRoster: RosterWriter?
    private var onDeposed: (@Sendable () -> Void)?
    var onPresence: (@Sendable () -> Void)?
    var directory = MemberDirectory()
    /// Members that came, changed or left (nil) since they were taken.
    var presence: [InstanceKey: MembersAnswer.Member?] = [:]
    private var streams: [ConnectionID: RPCStream] = [:]
    var watchers: [ObjectIdentifier: DirectoryWatcher] = [:]
    private var nextConnection: UInt64 = 1
    private var timer: (due: BootInstant, timer: LoopTimer)?
    private var isTurnEndDue = false
    private var line = FrameLine()
    private var isLineDue = false
    private(set) var counters = RoutingCounters()
    /// From the election to the first commit that could complete; nil: not there yet in this term.
    private(set) var opening: Duration?
    private var standbyList = StandbyList()
    var states = MemberStates()

    package init(loop: EventLoop, cluster: String, master: MemberDescription, logger: Logger) {
        self.loop = loop
        self.cluster = cluster
        self.master = master
        self.logger = logger
    }

    // MARK: Leadership

    package var term: UInt64 { table?.term ?? 0 }
    package var keyCount: Int { table?.keyCount ?? 0 }
    package var reachabilityCounts: (unreachable: Int, relayed: Int) { table?.reachabilityCounts ?? (0, 0) }
    /// What `fluxon recover` would do; nil: nothing.
    func recovery() -> RecoveryPlan? { table?.recovery() }
    /// Owners that have seen what etcd does not know.
    var strangerNames: [String] { table?.strangerNames ?? [] }
    var isHistoryLost: Bool { table?.isHistoryLost ?? false }
    /// How long etcd has not confirmed that this master leads, where that is too long to act; nil: it may act, or does not lead.
    package var lapsed: Duration? { table?.authority.lapsed(now: loop.now) }
    /// R8: commits are completed.
    package var isOpen: Bool { table?.isOpen ?? false }

    /// - Parameters:
    ///   - onDeposed: Called on the loop, once, when a guarded write shows that the term is over.
    ///   - onPresence: Called on the loop when `takePresence` has something to give.
    package func lead(
        _ table: RoutingTable, writeRoster: @escaping RosterWriter, onDeposed: @escaping @Sendable () -> Void,
        onPresence: @escaping @Sendable () -> Void
    ) {
        self.table = table
        self.writeRoster = writeRoster
        self.onDeposed = onDeposed
        self.onPresence = onPresence
        states.update(master.instanceKey, ownState, now: loop.now)
        presence[master.instanceKey] = ownMember
        onPresence()
        finishTurn()
    }

    /// What etcd says of the masters that wait for the leadership.
    package func standbysChanged(_ event: EtcdMirrorEvent) {
        guard table != nil else { return }
        let before = standbys
        standbyList.apply(event)
        for gone in before where !standbys.contains(gone) { states.forget(gone.instanceKey) }
        for standby in standbys { states.update(standby.instanceKey, Self.standingBy, now: loop.now) }
    }

    /// This master's own line goes when its lease of waiting does, a little after it began to lead.
    var standbys: [MemberDescription] { standbyList.all.filter { $0.instanceKey != master.instanceKey } }

    /// G1: a guarded transaction sent at `sending` succeeded.
    package func confirmedAuthority(sending: BootInstant) {
        table?.authority.confirmed(sending: sending)
        scheduleTurnEnd()
    }

    /// The term is over, or the master stops. Members connect anew, here or to the next master.
    package func standDown(_ reason: String) {
        table?.authority.refused()
        table = nil
        writeRoster = nil
        onDeposed = nil
        onPresence = nil
        presence = [:]
        timer?.timer.cancel()
        timer = nil
        opening = nil
        standbyList = StandbyList()
        states = MemberStates()
        directory = MemberDirectory()
        line = FrameLine()
        let ended = streams.sorted { $0.key < $1.key }.map(\.value) + watchers.values.map(\.stream)
        streams = [:]
        watchers = [:]
        for stream in ended { stream.finish(RPCStatus(.unavailable, reason)) }
    }

    // MARK: Members

    /// An owner's link or an external's presence: its first message says who it is.
    package func accept(_ stream: RPCStream) {
        guard table != nil else { return stream.finish(Self.notLeading) }
        let connection = ConnectionID(nextConnection)
        nextConnection += 1
        stream.onMessage = { [weak self, weak stream] bytes in
            guard let stream else { return }
            let carried = OnLoop(stream)
            self?.assumeIsolated { $0.joined(carried.value, connection, bytes) }
        }
        stream.onHalfClose = { [weak stream] in
            stream?.finish(RPCStatus(.invalidArgument, "a member's stream begins with who joins, and nobody did"))
        }
    }

    static let notLeading = RPCStatus(.unavailable, "this master does not lead its cluster now; find the leader in etcd and try again")

    private func joined(_ stream: RPCStream, _ connection: ConnectionID, _ bytes: [UInt8]) {
        guard let table else { return stream.finish(Self.notLeading) }
        do throws(ProtobufError) {
            let request = try JoinRequest(decoding: bytes)
            if let refusal = refusal(of: request) { return stream.finish(refusal) }
            // One that is refused joins again and again.
            let level: Logger.Level = directory.knows(request.member) ? .debug : .info
            directory.joined(request.member, on: connection, now: loop.now)
            streams[connection] = stream
            stream.onEnd = { [weak self] _ in self?.assumeIsolated { $0.left(connection) } }
            stream.onMessage = { [weak self] bytes in self?.assumeIsolated { $0.received(bytes, on: connection) } }
            // An owner that says nothing more is no owner; a member beside it is there for as long as its stream is.
            stream.onHalfClose = request.member.role == .owner ? { [weak stream] in stream?.finish(.ok) } : nil
            if request.member.role != .owner { stream.send(JoinAnswer(term: table.term).encoded()) }
            logger.log(
                level: level, "member joined",
                metadata: ["fluxon.member": "\(request.member.instanceKey)", "fluxon.role": "\(request.member.role.name)"])
            scheduleTurnEnd()
        } catch {
            stream.finish(
                RPCStatus(.invalidArgument, "the first message is no join: \(error); speak protocol version \(ProtocolVersion.current)"))
        }
    }

    private func refusal(of request: JoinRequest) -> RPCStatus? {
        guard ProtocolVersion.isSpoken(request.protocolVersion) else {
            return RPCStatus(
                .failedPrecondition,
                "protocol version \(request.protocolVersion) is too far from this master's \(ProtocolVersion.current); update the older side"
            )
        }
        guard request.clusterName == cluster else {
            return RPCStatus(
                .failedPrecondition,
                "cluster_name is '\(request.clusterName)' there and '\(cluster)' at this master; make them equal in the configurations")
        }
        if directory.isFull(for: request.member) {
            return RPCStatus(
                .resourceExhausted, "\(directory.count) members are connected to this master, the limit; stop some, or make two clusters")
        }
        if directory.isTaken(request.member, now: loop.now) {
            return RPCStatus(
                .alreadyExists, "instance_key '\(request.member.instanceKey)' is in use by another live process; give this one another name"
            )
        }
        return nil
    }

    private func received(_ bytes: [UInt8], on connection: ConnectionID) {
        directory.heard(on: connection, now: loop.now)
        guard line.admits(byteCount: bytes.count) else {
            streams[connection]?.pauseReading()
            line.wait(bytes, of: connection)
            return goOnNextTurn()
        }
        process(bytes, of: connection)
    }

    private func goOnNextTurn() {
        guard !isLineDue else { return }
        isLineDue = true
        loop.inNextTick { [weak self] in self?.assumeIsolated { $0.processWaiting() } }
    }

    private func processWaiting() {
        isLineDue = false
        while let frame = line.next() {
            // What a connection that is gone has left comes again over the next one.
            guard let stream = streams[frame.connection] else { continue }
            process(frame.bytes, of: frame.connection)
            stream.resumeReading()
        }
        if line.hasWaiting { goOnNextTurn() }
        scheduleTurnEnd()
    }

    private func process(_ bytes: [UInt8], of connection: ConnectionID) {
        do throws(ProtobufError) {
            let frame = try OwnerFrame(decoding: bytes)
            counters.framesReceived += 1
            counters.messagesReceived += UInt64(frame.messages.count)
            table?.received(frame, on: connection, now: loop.now)
            scheduleTurnEnd()
        } catch {
            streams[connection]?.finish(RPCStatus(.invalidArgument, "a frame of the link makes no sense: \(error)"))
        }
    }

    private func left(_ connection: ConnectionID) {
        streams[connection] = nil
        directory.left(connection) { [table] in table?.expects($0) == true }
        table?.disconnected(connection, now: loop.now)
        scheduleTurnEnd()
    }

    // MARK: Turns

    /// Everything that a turn of the loop brings is worked off first and sent once at its end: group commit (C7).
    private func scheduleTurnEnd() {
        guard !isTurnEndDue else { return }
        isTurnEndDue = true
        loop.atEndOfTick { [weak self] in self?.assumeIsolated { $0.finishTurn() } }
    }

    private func finishTurn() {
        isTurnEndDue = false
        line.turnEnds()
        table?.workOff(now: loop.now)
        // A fresh reading after the work (G1): a stop before this line costs the authority, one after it is the network's delay.
        table?.flush(now: loop.now)
        for effect in table?.takeEffects() ?? [] { perform(effect) }
        tellOfMembers()
        armTimer()
    }

    private func perform(_ effect: RoutingEffect) {
        switch effect {
        case .send(let connection, let frame):
            counters.framesSent += 1
            if case .welcome(let welcome) = frame.control {
                directory.numbered(connection, owner: welcome.owner, generation: welcome.generation)
            }
            streams[connection]?.send(frame.encoded())
        case .close(let connection): streams[connection]?.finish(.ok)
        case .writeRoster(let owner, let entry): write(RosterChange(owner: owner, entry: entry))
        case .replaceRoster(let former, let owner, let entry): write(RosterChange(owner: owner, entry: entry, replaces: former))
        case .note(let note): log(note)
        }
    }

    private func write(_ change: RosterChange) {
        writeRoster?(change) { [weak self] isWritten in self?.assumeIsolated { $0.rosterAnswered(change, isWritten: isWritten) } }
    }

    private func rosterAnswered(_ change: RosterChange, isWritten: Bool) {
        guard isWritten else { return deposed() }
        table?.rosterWritten(change.owner, change.entry, now: loop.now)
        directory.touch(change.owner)
        if let former = change.replaces {
            directory.givenUp(former)
            logger.info(
                "a lost owner's number is given anew",
                metadata: [
                    "fluxon.member": "\(change.owner)", "fluxon.number": "\(change.entry.owner.number)", "fluxon.former": "\(former)",
                ])
        }
        scheduleTurnEnd()
    }

    /// What a person has asked for needs another term.
    func endTerm() { deposed() }

    private func deposed() {
        table?.authority.refused()
        onDeposed?()
        onDeposed = nil
    }

    private func armTimer() {
        guard let due = table?.nextTimer else { return }
        if let timer, timer.due <= due { return }
        timer?.timer.cancel()
        timer = (due, loop.schedule(at: due) { [weak self] in self?.assumeIsolated { $0.tick() } })
    }

    private func tick() {
        timer = nil
        let strangers = strangerNames.map { InstanceKey($0) }
        table?.tick(now: loop.now)
        for name in strangers where table?.expects(name) == false { directory.givenUp(name) }
        scheduleTurnEnd()
    }

    private func log(_ note: RoutingNote) {
        switch note {
        case .sessionBegan(let session): logger.info("session began", metadata: ["fluxon.session": "\(session)"])
        case .sessionEnded(let session): logger.info("session ended", metadata: ["fluxon.session": "\(session)"])
        case .bypassed(let owner): logger.warning("owner bypassed", metadata: ["fluxon.member": "\(owner)"])
        case .lost(let owner): logger.warning("owner lost", metadata: ["fluxon.member": "\(owner)"])
        case .opened:
            opening = (table?.electedAt).map { loop.now.since($0) }
            logger.info("commits are open", metadata: ["fluxon.term": "\(term)"])
        case .completed: logger.info("inventory is complete", metadata: ["fluxon.term": "\(term)", "fluxon.keys": "\(keyCount)"])
        case .removed(let key, let version, let cause):
            counters.removals += 1
            logger.trace("key removed", metadata: ["fluxon.key": "\(key)", "fluxon.version": "\(version)", "fluxon.cause": "\(cause)"])
        case .operationCompleted, .exposed, .removing: break
        case .historyUnknown(let owner, let remedy):
            logger.error(
                "etcd does not know what an owner has seen: it was wiped, replaced, or restored from an older state",
                metadata: ["fluxon.member": "\(owner)", "fluxon.fix": "\(remedy)"])
        case .anomaly(let text): logger.error("protocol anomaly", metadata: ["fluxon.detail": "\(text)"])
        }
    }
}
