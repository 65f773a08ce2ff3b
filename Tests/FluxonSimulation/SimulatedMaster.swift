import FluxonCore
import FluxonMaster
import FluxonSeededRandom

/// A process that may become master. It campaigns while it is not one.
final class SimulatedMaster: SimulatedProcess {
    let number: Int
    var clock: SimulatedClock
    var table: RoutingTable?
    var wakeAt: UInt64 = .max
    var nextWrite: UInt64 = 1
    /// Notes of turns whose results have not left this process for want of authority (G1).
    var heldNotes: [(at: UInt64, note: RoutingNote)] = []

    init(number: Int, clock: SimulatedClock) {
        self.number = number
        self.clock = clock
    }
}

extension Simulation {
    static let leaderTimeToLive = 4 * second
    static let cluster = "simulated"
    /// Between two pieces of what a master works off, where its turns are short.
    private static let workPause = 20 * millisecond

    func startMaster(_ master: SimulatedMaster) {
        master.life += 1
        master.isAlive = true
        master.stoppedUntil = 0
        master.table = nil
        master.wakeAt = .max
        master.heldNotes = []
        campaign(master)
    }

    func stopBeingMaster(_ master: SimulatedMaster) {
        trace.add(now, "master-\(master.number)", [1], "is deposed")
        master.table = nil
        master.heldNotes = []
        master.wakeAt = .max
        for connection in connectionsInOrder where connection.master === master { closeAtMaster(connection) }
        campaign(master)
    }

    /// A call of the metadata store: there, atomically, and back. Nobody hears of a call during an outage.
    private func metadataCall<Answer>(
        _ master: SimulatedMaster, _ call: @escaping (inout SimulatedMetadata, UInt64) -> Answer, _ body: @escaping (Answer) -> Void
    ) {
        let there = networkDelay()
        let back = networkDelay()
        let life = master.life
        schedule(after: there) { [unowned self] in
            guard now >= metadataAwayUntil else { return }
            let answer = call(&metadata, now)
            guard master.life == life, now >= metadataAnswersLostUntil else { return }
            deliver(to: master, after: back) { body(answer) }
        }
    }

    private func campaign(_ master: SimulatedMaster) {
        deliver(to: master, after: random.range(100...700) * Self.millisecond) { [unowned self] in
            guard master.table == nil else { return }
            let sent = master.clock.read(at: now)
            var isAnswered = false
            metadataCall(master) { store, time in
                store.campaign(master.number, now: time, timeToLive: Self.leaderTimeToLive)
            } _: { term in
                isAnswered = true
                guard let term else { return self.campaign(master) }
                self.elected(master, term: term, sent: sent)
            }
            // Without an answer, again.
            deliver(to: master, after: 4 * Self.second) { [unowned self] in
                if !isAnswered { campaign(master) }
            }
        }
    }

    private func elected(_ master: SimulatedMaster, term: UInt64, sent: BootInstant) {
        guard master.table == nil else { return }
        let electedAt = master.clock.read(at: now)
        trace.add(now, "master-\(master.number)", [2, term], "is elected, term \(term)")
        metadataCall(master) { store, _ in
            (roster: store.roster, history: store.history)
        } _: { [unowned self] found in
            guard master.table == nil else { return }
            let authority = Authority(term: term, electionSent: sent, timing: options.timing)
            let entries = found.roster.sorted { $0.value.owner < $1.value.owner }.map { ($0.key, $0.value) }
            var table = RoutingTable(
                cluster: Self.cluster, authority: authority, electedAt: electedAt, timing: options.timing, roster: entries,
                history: found.history)
            table.observesOperations = true
            if let steps = options.stepsPerTurn { table.stepsPerTurn = steps }
            #if FLUXON_PLANTING
            table.planted = options.planted?.routing ?? []
            #endif
            master.table = table
            renew(master, term)
            turn(master) { _, _ in }
        }
        // The answer may get lost; the lease then runs out.
        deliver(to: master, after: 5 * Self.second) { [unowned self] in
            if master.table == nil { campaign(master) }
        }
    }

    private func renew(_ master: SimulatedMaster, _ term: UInt64) {
        guard master.table?.term == term else { return }
        let sent = master.clock.read(at: now)
        metadataCall(master) { store, time in
            store.renew(term: term, now: time, timeToLive: Self.leaderTimeToLive)
        } _: { [unowned self] isLeader in
            guard master.table?.term == term else { return }
            guard isLeader else {
                master.table?.authority.refused()
                return stopBeingMaster(master)
            }
            turn(master) { table, _ in table.authority.confirmed(sending: sent) }
        }
        deliver(to: master, after: master.clock.wait(until: sent.advanced(by: .seconds(1)), from: now)) { [unowned self] in
            renew(master, term)
        }
    }

    /// One turn of a master's loop.
    func turn(_ master: SimulatedMaster, _ body: (inout RoutingTable, BootInstant) -> Void) {
        guard var table = master.table else { return }
        master.table = nil
        body(&table, master.clock.read(at: now))
        table.workOff(now: master.clock.read(at: now))
        let flushedAt = master.clock.read(at: now)
        table.flush(now: flushedAt)
        let effects = table.takeEffects()
        let mayAct = table.mayAct(now: flushedAt)
        master.table = table
        noteReports(to: master)
        // What a turn sends was read from the table before what else it did.
        let exposedBefore = invariants.exposed
        if mayAct {
            let notes = master.heldNotes
            master.heldNotes = []
            for held in notes { observe(held.note, at: held.at, master) }
        }
        for effect in effects {
            switch effect {
            case .send(let connection, let frame): sendDown(connection, frame, master, exposedBefore)
            case .close(let connection):
                if let connection = connections[connection.number] { closeAtMaster(connection) }
            case .writeRoster(let owner, let entry): writeRoster(master, table.term, owner, entry)
            // Simulated hosts keep their names: there are never lost owners enough for a number to be given anew.
            case .replaceRoster(let former, let owner, _): invariants.fail("\(owner) gets the number of \(former)")
            case .note(let note):
                if mayAct { observe(note, at: now, master) } else { master.heldNotes.append((now, note)) }
            }
        }
        wake(master)
        checkInvariants()
    }

    private func writeRoster(_ master: SimulatedMaster, _ term: UInt64, _ owner: InstanceKey, _ entry: RosterEntry, number: UInt64? = nil) {
        var isAnswered = false
        let number = number ?? master.nextWrite
        master.nextWrite = max(master.nextWrite, number + 1)
        metadataCall(master) { [unowned self] store, time in
            let before = store.roster[owner]
            let isWritten = store.write(entry, of: owner, term: term, number: number, now: time)
            if isWritten, let before, before.generation == entry.generation, before.state != .in, entry.state == .in { ownerIsIn(master) }
            // R4: final from here on, also when the answer gets lost and the master dies.
            if isWritten, entry.state == .lost, let host = hosts.first(where: { $0.instance == owner }) { invariants.distrusted(host) }
            return isWritten
        } _: { [unowned self] isWritten in
            guard master.table?.term == term, !isAnswered else { return }
            isAnswered = true
            guard isWritten else { return stopBeingMaster(master) }
            turn(master) { table, local in table.rosterWritten(owner, entry, now: local) }
        }
        deliver(to: master, after: 2 * Self.second) { [unowned self] in
            guard master.table?.term == term, !isAnswered else { return }
            isAnswered = true
            writeRoster(master, term, owner, entry, number: number)
        }
    }

    private func wake(_ master: SimulatedMaster) {
        guard let timer = master.table?.nextTimer else { return }
        // A machine with millions of keys: what a turn leaves takes its time.
        let pause = master.table?.hasWork == true && options.stepsPerTurn != nil ? Self.workPause : 0
        let at = now + max(pause, master.clock.wait(until: timer, from: now))
        guard at < master.wakeAt || master.wakeAt <= now else { return }
        master.wakeAt = at
        deliver(to: master, after: at - now) { [unowned self] in
            guard master.wakeAt <= now else { return }
            master.wakeAt = .max
            turn(master) { table, local in table.tick(now: local) }
        }
    }
}
