import DequeModule
package import FluxonCore

// Connections, registration, sessions, frames (L1, G3, R1, R3).
extension RoutingTable {
    package mutating func received(_ frame: OwnerFrame, on connection: ConnectionID, now: BootInstant) {
        if case .hello(let hello) = frame.control {
            greet(hello, connection, now: now)
            return
        }
        guard let id = connections[connection], var session = owners[id.place].session, session.connection == connection else { return }
        owners[id.place].lastHeard = now
        // L1: of an older term or another session: dropped.
        guard frame.term == term, frame.session == session.number else { return }
        let repeated: Int
        do {
            try session.link.acknowledge(frame.acknowledged)
            repeated = try session.link.accept(first: frame.first, count: frame.messages.count)
        } catch {
            return endSession(id, now: now)
        }
        owners[id.place].session = session
        touch(id)
        returnIfProcessed(id)
        for message in frame.messages.dropFirst(repeated) {
            guard owners[id.place].session?.number == session.number else { return }
            receive(id, message, now: now)
        }
        // Behind the messages: the last page of a report brings the first heartbeat of its session with it.
        if case .heartbeat(let sentAt) = frame.control, owners[id.place].session?.number == session.number {
            heartbeat(id, sentAt, now: now)
        }
    }

    private mutating func heartbeat(_ id: OwnerID, _ sentAt: BootInstant, now: BootInstant) {
        guard owners[id.place].session?.isActive == true else { return }
        owners[id.place].session?.heartbeat = sentAt
        owners[id.place].lease.granted(receipt: now)
    }

    private mutating func receive(_ id: OwnerID, _ message: OwnerMessage, now: BootInstant) {
        switch message {
        case .commit(let commit): enqueueCommit(id, commit, now: now)
        case .taken(let operation): taken(id, operation, now: now)
        case .confirm(let number): confirmed(id, upTo: number, now: now)
        case .lookup(let query): lookUp(id, query, now: now)
        case .drop(let key, let version): dropped(id, key, version, now: now)
        case .report(let page): report(id, page, now: now)
        case .unreachable(let others): unreachable(id, others)
        }
    }

    /// A connection ended. The session may go on over the next one.
    package mutating func disconnected(_ connection: ConnectionID, now: BootInstant) {
        guard let id = connections.removeValue(forKey: connection) else { return }
        if owners[id.place].session?.connection == connection { owners[id.place].session?.connection = nil }
        if owners[id.place].greeting?.connection == connection { owners[id.place].greeting = nil }
    }

    private mutating func greet(_ hello: LinkHello, _ connection: ConnectionID, now: BootInstant) {
        guard hello.cluster == cluster else {
            return refuse(connection, .clusterMismatch, "this master serves cluster \(cluster), not \(hello.cluster)")
        }
        guard isOfThisHistory(hello) else { return meet(hello, connection, now: now) }
        strangers[hello.instance] = nil
        guard hello.term <= term else {
            return refuse(connection, .oldTerm, "this master's term is \(term), the owner has seen \(hello.term)")
        }
        guard let id = ownersByInstance[hello.instance] else { return register(hello, connection, now: now) }
        owners[id.place].lastHeard = now
        guard owners[id.place].desired.life == hello.life else { return greetNewLife(id, hello, connection, now: now) }
        connections[connection] = id
        guard let entry = owners[id.place].entry, entry.generation == owners[id.place].generation else {
            owners[id.place].greeting = (connection, hello)
            return
        }
        guard owners[id.place].isWritten || owners[id.place].desired.state != .lost else {
            return refuse(connection, .notYet, "\(hello.instance) is being declared lost; try again")
        }
        if resume(id, hello, connection) {
            stalled.wake(.holder(id))
        } else {
            begin(id, connection, now: now)
        }
        reachability.joined(id, hello)
    }

    /// R1: another process with this `instance_key`. It gets the next generation once the copies of the last one are surely dead.
    private mutating func greetNewLife(_ id: OwnerID, _ hello: LinkHello, _ connection: ConnectionID, now: BootInstant) {
        let owner = owners[id.place]
        guard hello.generation == Generation(0) else {
            return refuse(connection, .superseded, "another process took \(hello.instance), generation \(owner.generation)")
        }
        if owner.session != nil { endSession(id, now: now) }
        let isFenced = hello.fenced == owner.generation
        let deadBy = deadBy(owner.lease.lastGrant)
        guard !owner.isWriting, isFenced || owner.entry?.state == .lost || deadBy < now else {
            return refuse(
                connection, .notYet,
                "copies of \(hello.instance), generation \(owner.generation), may still be read; try again in \(deadBy.since(now))")
        }
        let generation = Generation(owner.generation.number + 1)
        connections[connection] = id
        owners[id.place].desired = RosterEntry(owner: id, generation: generation, state: .in, life: hello.life)
        owners[id.place].greeting = (connection, hello)
        write(id)
    }

    mutating func refuse(_ connection: ConnectionID, _ reason: LinkRefusal.Reason, _ message: String) {
        effects.append(.send(connection, MasterFrame(term: term, session: 0, control: .refused(LinkRefusal(reason, message)))))
        effects.append(.close(connection))
    }

    /// L1: the same session over another connection.
    private mutating func resume(_ id: OwnerID, _ hello: LinkHello, _ connection: ConnectionID) -> Bool {
        guard var session = owners[id.place].session, hello.term == term, hello.session == session.number else { return false }
        do { try session.link.reconnected(peerReceived: hello.received) } catch { return false }
        closeOther(session.connection, than: connection)
        session.connection = connection
        session.toldMark = nil
        session.welcome = LinkWelcome(
            owner: id, generation: owners[id.place].generation, isResumed: true, received: session.link.received, keepsNothing: false)
        session.welcome?.choosesRelays = true
        owners[id.place].session = session
        touch(id)
        return true
    }

    /// R3, R5: a new session, in which the owner reports what it has.
    mutating func begin(_ id: OwnerID, _ connection: ConnectionID, now: BootInstant) {
        if owners[id.place].session != nil { endSession(id, now: now) }
        connections[connection] = id
        let number = owners[id.place].nextSession
        owners[id.place].nextSession += 1
        var session = RoutingSession(number: number, connection: connection, backlogLimit: backlogLimit)
        // R6: neither a lost owner nor one that an earlier term bypassed is believed.
        var isBelieved = owners[id.place].hasReported || owners[id.place].isTrusted
        #if FLUXON_PLANTING
        if planted.contains(.trustBypassed) { isBelieved = true }
        #endif
        session.welcome = LinkWelcome(
            owner: id, generation: owners[id.place].generation, isResumed: false, received: 0,
            keepsNothing: owners[id.place].desired.state == .lost || !isBelieved)
        session.welcome?.choosesRelays = true
        owners[id.place].session = session
        owners[id.place].seen = EntrySet()
        owners[id.place].pending = []
        owners[id.place].leaving = []
        touch(id)
        note(.sessionBegan(Session(owner: owners[id.place].instance, generation: owners[id.place].generation, number: number)))
        invalidateAgain(id)
    }

    /// What the last session left without a confirmation is asked for in this one, under the old barrier.
    private mutating func invalidateAgain(_ id: OwnerID) {
        let list = owners[id.place].awaited
        owners[id.place].awaited = []
        for var awaited in list where activities[awaited.key]?.operation?.name == awaited.operation {
            guard let number = sendInvalidation(id, awaited.key, upTo: awaited.version, cause: awaited.cause),
                let session = owners[id.place].session?.number
            else {
                continue
            }
            awaited.sent = (session: session, number: number)
            expect(awaited, from: id)
            guard awaited.cause != nil else { continue }
            activities[awaited.key]?.operation?.invalidated.append((owner: id, session: session, number: number))
        }
    }

    private mutating func closeOther(_ old: ConnectionID?, than connection: ConnectionID) {
        guard let old, old != connection else { return }
        connections[old] = nil
        effects.append(.close(old))
    }

    mutating func endSession(_ id: OwnerID, now: BootInstant) {
        guard let session = owners[id.place].session else { return }
        owners[id.place].session = nil
        reachability.left(id)
        let isUndecided = { (claim: ParkedClaim) in claim.owner == id && claim.session == session.number && claim.leaving == nil }
        if !isComplete, claims.values.contains(where: { $0.contains(where: isUndecided) }) { owners[id.place].mustReportAgain = true }
        owners[id.place].seen = EntrySet()
        owners[id.place].pending = []
        scheduleTimer(id)
        if let connection = session.connection {
            connections[connection] = nil
            effects.append(.close(connection))
        }
        note(.sessionEnded(Session(owner: owners[id.place].instance, generation: owners[id.place].generation, number: session.number)))
    }

    /// Brings etcd's entry to what is desired; one transaction at a time.
    mutating func write(_ id: OwnerID) {
        guard !owners[id.place].isWriting, !owners[id.place].isWritten else { return }
        owners[id.place].isWriting = true
        let (instance, entry) = (owners[id.place].instance, owners[id.place].desired)
        effects.append(owners[id.place].replaces.map { .replaceRoster(former: $0, instance, entry) } ?? .writeRoster(instance, entry))
    }

    /// The guarded transaction of `writeRoster` succeeded.
    package mutating func rosterWritten(_ instance: InstanceKey, _ entry: RosterEntry, now: BootInstant) {
        guard let id = ownersByInstance[instance], owners[id.place].isWriting else { return }
        let old = owners[id.place].entry
        owners[id.place].isWriting = false
        owners[id.place].entry = entry
        mark.writes += 1
        if old?.state == .in { mark.owners -= 1 }
        if entry.state == .in { mark.owners += 1 }
        if let former = owners[id.place].replaces.take() { leaving.remove(former) }
        if let old, old.generation < entry.generation { supersede(id, now: now) }
        switch entry.state {
        case .in: stalled.wake(.roster(id))
        case .bypassed: note(.bypassed(instance))
        case .lost: becameLost(id, now: now)
        }
        write(id)
        // A heartbeat may wait for the roster.
        touch(id)
        goOnWithout(id, now: now)
        if let greeting = owners[id.place].greeting, owners[id.place].isWritten {
            owners[id.place].greeting = nil
            begin(id, greeting.connection, now: now)
            reachability.joined(id, greeting.hello)
        }
        scheduleTimer(id)
        checkProgress(now: now)
    }
}
