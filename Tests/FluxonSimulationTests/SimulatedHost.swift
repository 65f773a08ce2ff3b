import FluxonCore
import FluxonMaster
import FluxonOwner

/// One machine: a clock, an owner's process in its present life, the pool that readers see, and clients.
final class SimulatedHost {
    let number: Int
    let instance: InstanceKey
    var clock: SimulatedClock
    let owner = SimulatedProcess()
    var table: ReplicaTable<SimulatedStore>?
    var store = SimulatedStore(number: 0)
    var connection: SimulatedConnection?
    var isConnecting = false
    /// No new connections before.
    var cutOffUntil: UInt64 = 0
    var wakeAt: UInt64 = .max
    var nextWaiter: UInt64 = 1
    var nextToken: UInt64 = 1
    /// Those who wait for the owner, with its life.
    var gets: [WaiterID: (GetAnswer<Int>) -> Void] = [:]
    var commits: [OperationToken: (CommitAnswer) -> Void] = [:]
    var stores: [SimulatedStore] = []

    init(number: Int, clock: SimulatedClock) {
        self.number = number
        instance = InstanceKey("owner-\(number)")
        self.clock = clock
    }
}

extension Simulation {
    func startOwner(_ host: SimulatedHost, fenced: Generation) {
        host.owner.life += 1
        host.owner.isAlive = true
        host.owner.stoppedUntil = 0
        host.wakeAt = .max
        host.isConnecting = false
        host.connection = nil
        host.store = SimulatedStore(number: host.stores.count)
        host.stores.append(host.store)
        host.store.onPublish = { [unowned self, unowned host] key, version in invariants.published(key, version, at: host) }
        var configuration = ReplicaConfiguration(
            cluster: Self.cluster, instance: host.instance, life: random.next(), fenced: fenced, timing: options.timing)
        configuration.backlogLimit = 64
        // So that reports have pages that wait for others.
        configuration.reportPageEntries = 1
        configuration.reportWindowPages = 2
        var table = ReplicaTable(store: host.store, configuration: configuration)
        table.planted = options.replicaBug
        host.table = consume table
        connectSoon(host)
    }

    /// `kill -9`: readers keep the mapping.
    func crashOwner(_ host: SimulatedHost) {
        guard host.owner.isAlive else { return }
        trace.add(now, 3, UInt64(host.number), 0, "\(host.instance) killed")
        let generation = host.table?.generation ?? Generation(0)
        host.owner.isAlive = false
        invariants.distrusted(host)
        host.table = nil
        host.wakeAt = .max
        if let connection = host.connection { closeAtOwner(connection) }
        let gets = host.gets.keys.sorted()
        let commits = host.commits.keys.sorted { $0.counter < $1.counter }
        for waiter in gets { host.gets.removeValue(forKey: waiter)?(.failed(.connectionFailed)) }
        for token in commits { host.commits.removeValue(forKey: token)?(.failed(.unknownOutcome)) }
        let old = host.store
        let isFenced = !random.oneIn(3)
        schedule(after: random.range(50...6_000) * Self.millisecond) { [unowned self] in
            // Without the old file nothing is attested, and its readers go on until D.
            if isFenced { old.fence() }
            startOwner(host, fenced: isFenced ? generation : Generation(0))
        }
    }

    /// One turn of an owner's loop.
    func turn(_ host: SimulatedHost, _ body: (inout ReplicaTable<SimulatedStore>, BootInstant) -> Void) {
        guard var table = host.table.take() else { return }
        body(&table, host.clock.read(at: now))
        table.flush(now: host.clock.read(at: now))
        let effects = table.takeEffects()
        host.table = consume table
        var mustReconnect = false
        for effect in effects {
            switch effect {
            case .send(let frame):
                if host.store.unfenced > 0 { invariants.fail("P5: a frame leaves before the fence") }
                if let connection = host.connection { sendUp(connection, frame) }
            case .startFetch(let request): startFetch(host, request)
            case .answerGet(let waiter, let answer): deliverAnswer(host, waiter, answer)
            case .answerCommit(let token, let answer):
                if case .committed(let version) = answer { invariants.answered(version) }
                if let body = host.commits.removeValue(forKey: token) {
                    schedule(after: localDelay()) { body(answer) }
                }
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
        checkInvariants()
    }

    func localDelay() -> UInt64 { random.range(5...60) * Self.microsecond }

    /// The reference stays until the receiver has looked at the bytes (P7).
    private func deliverAnswer(_ host: SimulatedHost, _ waiter: WaiterID, _ answer: GetAnswer<Int>) {
        guard let body = host.gets.removeValue(forKey: waiter) else {
            if case .value(let copy, _) = answer { host.store.release(copy.extent) }
            return
        }
        let store = host.store
        schedule(after: localDelay()) {
            body(answer)
            if case .value(let copy, _) = answer { store.release(copy.extent) }
        }
    }

    private func wake(_ host: SimulatedHost) {
        guard let timer = host.table?.nextTimer else { return }
        let at = now + host.clock.wait(until: timer, from: now)
        guard at < host.wakeAt || host.wakeAt <= now else { return }
        host.wakeAt = at
        deliver(to: host.owner, after: at - now) { [unowned self] in
            guard host.wakeAt <= now else { return }
            host.wakeAt = .max
            turn(host) { table, local in table.tick(now: local) }
        }
    }

    /// Asks the holders one after the other; the bytes travel under a reference of the source.
    private func startFetch(_ host: SimulatedHost, _ request: FetchRequest) {
        askHolder(host, request, request.holders[...])
    }

    private func askHolder(_ host: SimulatedHost, _ request: FetchRequest, _ rest: ArraySlice<OwnerID>) {
        guard let holder = rest.first else {
            return deliver(to: host.owner, after: 1) { [unowned self] in
                turn(host) { table, local in table.fetched(request.fetch, request, .failed, now: local) }
            }
        }
        let source = hosts.first { metadata.roster[$0.instance]?.owner == holder }
        let life = host.owner.life
        let timeout = 2 * Self.second
        var isOver = false
        let next = { [unowned self] in
            guard !isOver, host.owner.life == life else { return }
            isOver = true
            askHolder(host, request, rest.dropFirst())
        }
        deliver(to: host.owner, after: timeout, next)
        guard let source, source.owner.isAlive, now >= source.cutOffUntil, now >= host.cutOffUntil else { return }
        deliver(to: source.owner, after: networkDelay()) { [unowned self] in
            var answer = SourceAnswer<Int>.gone
            turn(source) { table, _ in answer = table.source(request.key, request.version) }
            guard case .copy(let copy) = answer else { return deliver(to: host.owner, after: networkDelay(), next) }
            let store = source.store
            schedule(after: networkDelay()) { [unowned self] in
                let content = store.read(copy.extent)
                store.release(copy.extent)
                guard let content else { return invariants.fail("I4: \(request.key) freed under a ticket") }
                deliver(to: host.owner, after: 1) { [unowned self] in
                    guard !isOver, host.owner.life == life else { return }
                    isOver = true
                    arrived(host, request, copy, content)
                }
            }
        }
    }

    private func arrived(_ host: SimulatedHost, _ request: FetchRequest, _ copy: StoredCopy<Int>, _ content: UInt64) {
        turn(host) { table, local in
            let extent = host.store.write(content)
            table.fetched(request.fetch, request, .arrived(extent: extent, flags: copy.flags), now: local)
        }
    }
}
