package import FluxonCore

// The link: hello and welcome, frames, grants (L1, L2, R5).
extension ReplicaTable {
    /// A connection to the master is up.
    package mutating func connected(now: BootInstant) {
        linkState = .greeting
        var hello = LinkHello(cluster: configuration.cluster, instance: configuration.instance, life: configuration.life)
        hello.generation = generation
        hello.fenced = configuration.fenced
        hello.term = term
        hello.owner = owner
        hello.mark = mark
        hello.readsThroughRelays = true
        hello.isRelay = configuration.isRelay
        hello.subCluster = configuration.subCluster
        if let session {
            hello.session = session.number
            hello.received = link.received
        }
        effects.append(.send(OwnerFrame(term: term, session: hello.session, control: .hello(hello))))
    }

    /// The connection is gone; the session may go on over the next one.
    package mutating func disconnected(now: BootInstant) {
        linkState = .away
        isHeartbeatDue = false
    }

    package mutating func received(_ frame: MasterFrame, now: BootInstant) {
        switch frame.control {
        case .welcome(let welcome):
            guard linkState == .greeting, welcomed(welcome, frame, now: now) else { return endSession() }
        case .refused(let refusal):
            linkState = .away
            effects.append(.refused(refusal))
            return
        case .grant, nil: break
        }
        // L1: of an older term or another session: dropped.
        guard linkState == .open, let session, frame.term == term, frame.session == session.number else { return }
        do {
            if let told = frame.mark { mark = max(mark ?? told, told) }
            try link.acknowledge(frame.acknowledged)
            let repeated = try link.accept(first: frame.first, count: frame.messages.count)
            for message in frame.messages.dropFirst(repeated) { receive(message, now: now) }
        } catch {
            return endSession()
        }
        if case .grant(let grant) = frame.control { granted(grant, now: now) }
    }

    /// Which other owners this one cannot connect to now, all of them, ascending. The master hears it before any lookup that follows.
    package mutating func reachabilityChanged(unreachable owners: [OwnerID]) {
        unreachable = owners
        tellReachability()
    }

    /// A master that does not know the message would end the session over it.
    private mutating func tellReachability() {
        guard session?.choosesRelays == true else { return }
        send(.unreachable(unreachable))
    }

    private mutating func receive(_ message: MasterMessage, now: BootInstant) {
        switch message {
        case .done(let operation, let outcome, let publishes, let isExposed):
            done(operation, outcome, publishes: publishes, isExposed: isExposed, now: now)
        case .invalidate(let invalidation): invalidate(invalidation)
        case .settled(let numbers): settled(numbers)
        case .restore(let key, let version): restore(key, version, now: now)
        case .found(let answer): found(answer, now: now)
        }
    }

    /// - Returns: False when the welcome cannot be meant for this owner.
    private mutating func welcomed(_ welcome: LinkWelcome, _ frame: MasterFrame, now: BootInstant) -> Bool {
        guard frame.term >= term else { return false }
        if welcome.isResumed {
            guard let session, frame.term == term, frame.session == session.number else { return false }
            do { try link.reconnected(peerReceived: welcome.received) } catch { return false }
            linkState = .open
            wakeAll()
        } else {
            term = frame.term
            owner = welcome.owner
            generation = welcome.generation
            session = ReplicaSession(number: frame.session, choosesRelays: welcome.choosesRelays)
            link = LinkEndpoint(limit: configuration.backlogLimit)
            linkState = .open
            beginReport(keepsNothing: welcome.keepsNothing, now: now)
            if !unreachable.isEmpty { tellReachability() }
        }
        nextHeartbeat = now
        return true
    }

    /// L2: invalidations sent before the grant are applied, for they came before it; then D rises.
    private mutating func granted(_ grant: LinkGrant, now: BootInstant) {
        guard link.received >= grant.barrier, report == nil else { return }
        var start = grant.sentAt
        #if FLUXON_PLANTING
        if planted.contains(.deadlineFromArrival) { start = now }
        #endif
        let granted = start.advanced(by: grant.length)
        if granted > deadline {
            if hasRetired {
                hasRetired = false
                store.makeRetirementsVisible()
            }
            deadline = granted
            store.setDeadline(granted)
        }
        if isValid(now: now) { becameValid(now: now) }
    }
}
