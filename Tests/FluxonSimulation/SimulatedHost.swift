import FluxonCore
import FluxonMaster
import FluxonOwner
import FluxonPool
import FluxonSeededRandom
import struct FluxonTransfer.TicketTable

/// One machine: a clock, an owner's process in its present life, the pools that readers see, the owner's side of its processes.
final class SimulatedHost {
    let number: Int
    let instance: InstanceKey
    var clock: SimulatedClock
    let owner = SimulatedProcess()
    var table: ReplicaTable<SimulatedPool>?
    /// The present life's pool, and those of earlier lives that somebody may still read.
    var store: SimulatedPool
    var stores: [SimulatedPool] = []
    var tickets = TicketTable<Extent>(limitPerAsker: 64)
    var connection: SimulatedConnection?
    var isConnecting = false
    /// No new connections before, neither to masters nor between owners.
    var cutOffUntil: UInt64 = 0
    var wakeAt: UInt64 = .max
    var nextWaiter: UInt64 = 1
    var lastSession: UInt64 = 0
    /// Processes of this life, in the order of attaching.
    var sessions: [SimulatedSession] = []
    /// Own commits that a master called committed.
    var committed: Set<OperationReference> = []
    /// Those who wait for the owner.
    var gets: [WaiterID: (GetAnswer<Extent>) -> Void] = [:]
    var commits: [OperationToken: (CommitAnswer) -> Void] = [:]

    init(number: Int, clock: SimulatedClock, store: SimulatedPool) {
        self.number = number
        instance = InstanceKey("owner-\(number)")
        self.clock = clock
        self.store = store
    }

    /// In truth, whatever the owner believes.
    var sessionsOfLivingProcesses: [SimulatedSession] {
        everySession.filter { $0.client.isAlive && $0.client.life == $0.clientLife && $0.store === store }
    }

    /// Also those that the owner ended while the process lives on.
    var everySession: [SimulatedSession] = []
}

extension Simulation {
    func startOwner(_ host: SimulatedHost, fenced: Generation) {
        host.owner.life += 1
        host.owner.isAlive = true
        host.owner.stoppedUntil = 0
        host.wakeAt = .max
        host.isConnecting = false
        host.connection = nil
        host.sessions = []
        host.everySession = []
        host.tickets = TicketTable(limitPerAsker: 64)
        host.committed = []
        if host.owner.life > 1 {
            guard let store = newPool(host.store.number + 1) else { return }
            host.store = store
        }
        let life = host.owner.life
        host.stores.removeAll { $0.isFenced || host.clock.read(at: now) >= $0.deadline }
        host.stores.append(host.store)
        host.store.onPublish = { [unowned self, unowned host] key, copy in
            invariants.published(key, copy.version, at: host, life: life)
            invariants.i1Content(key, copy.version, ValueBytes.value(ofByteCount: copy.byteCount))
        }
        host.store.onRefusal = { [unowned self, unowned host] key in invariants.evicted(key, at: host) }
        var configuration = ReplicaConfiguration(
            cluster: Self.cluster, instance: host.instance, life: random.next(), fenced: fenced, timing: options.timing)
        configuration.backlogLimit = 64
        // So that reports have pages that wait for others.
        configuration.reportPageEntries = 1
        configuration.reportWindowPages = 2
        // One copy a turn.
        if options.stepsPerTurn != nil { configuration.turnSteps = 1 }
        var table = ReplicaTable(store: host.store, configuration: configuration)
        #if FLUXON_PLANTING
        table.planted = options.planted?.replica ?? []
        #endif
        host.table = consume table
        connectSoon(host)
    }

    func newPool(_ number: Int) -> SimulatedPool? {
        do {
            let store = try SimulatedPool(number: number, capacityBytes: options.poolBytes)
            #if FLUXON_PLANTING
            if case .pool(let mistake) = options.planted { store.pool.planted = mistake }
            #endif
            return store
        } catch {
            invariants.fail("memory: a pool cannot be made: \(error)")
            return nil
        }
    }

    /// `kill -9`: processes keep their mappings, and read on until D or until the next life fences the pool.
    func crashOwner(_ host: SimulatedHost) {
        guard host.owner.isAlive else { return }
        trace.add(now, "\(host.instance)", [3, UInt64(host.number)], "killed")
        let generation = host.table?.generation ?? Generation(0)
        host.owner.isAlive = false
        invariants.distrusted(host)
        host.table = nil
        host.wakeAt = .max
        host.gets = [:]
        host.commits = [:]
        if let connection = host.connection { closeAtOwner(connection) }
        for session in host.everySession { ownerGone(session) }
        let old = host.store
        // Without the old file nothing is attested, and its readers go on until D.
        let isFenced = !random.oneIn(3)
        schedule(after: random.range(50...6_000) * Self.millisecond) { [unowned self] in
            if isFenced { old.fence() }
            trace.add(
                now, "\(host.instance)", [33, UInt64(host.number)],
                "starts again, \(isFenced ? "attesting that generation \(generation) is fenced" : "without the old pool's file")")
            startOwner(host, fenced: isFenced ? generation : Generation(0))
        }
    }

    /// One turn of an owner's loop.
    func turn(_ host: SimulatedHost, _ body: (inout ReplicaTable<SimulatedPool>, BootInstant) -> Void) {
        guard var table = host.table.take() else { return }
        body(&table, host.clock.read(at: now))
        table.flush(now: host.clock.read(at: now))
        host.store.pool.turnEnded()
        let effects = table.takeEffects()
        host.table = consume table
        var mustReconnect = false
        for effect in effects {
            switch effect {
            case .send(let frame):
                if host.store.unfenced > 0 { invariants.fail("P5: a frame leaves before the fence") }
                if let connection = host.connection { sendUp(connection, frame) }
            case .startFetch(let request): startFetch(host, request)
            case .answerGet(let waiter, let answer):
                if let body = host.gets.removeValue(forKey: waiter) {
                    body(answer)
                } else if case .value(let copy, _) = answer {
                    host.store.release(copy.extent)
                }
            case .answerCommit(let token, let answer): host.commits.removeValue(forKey: token)?(answer)
            case .refused(let refusal):
                mustReconnect = true
                if refusal.reason == .superseded { invariants.fail("\(host.instance) refused: \(refusal.message)") }
            case .reconnect: mustReconnect = true
            }
        }
        if mustReconnect {
            if let connection = host.connection { closeAtOwner(connection) }
            host.table?.disconnected(now: host.clock.read(at: now))
            connectSoon(host)
        }
        wake(host)
        checkInvariants(after: host)
    }

    func localDelay() -> UInt64 { random.range(5...60) * Self.microsecond }

    func localArrival(_ last: inout UInt64) -> UInt64 {
        last = max(last + 1, now + localDelay())
        return last - now
    }

    private func wake(_ host: SimulatedHost) {
        guard let timer = host.table?.nextTimer else { return }
        let at = now + host.clock.wait(until: timer, from: now)
        guard at < host.wakeAt || host.wakeAt <= now else { return }
        host.wakeAt = at
        deliver(to: host.owner, after: at - now) { [unowned self] in
            guard host.wakeAt <= now else { return }
            host.wakeAt = .max
            turn(host) { table, local in
                table.tick(now: local)
                if host.store.pool.retiredCount > 0 { host.store.pool.collect() }
                revokeUnusedTickets(host, local)
            }
        }
    }
}
