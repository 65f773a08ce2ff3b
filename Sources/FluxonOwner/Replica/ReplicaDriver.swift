package import FluxonCore
package import FluxonPool
package import FluxonSystem
package import Logging

/// Gives the replica table time, the pool, the link, and the fetches. On the owner's loop only, inside `PoolActor`.
///
///     LocalService ──commit, look──▶ ReplicaDriver ──frames──▶ MasterLink
///                                        │  ▲
///                             startFetch ▼  │ arrived, failed
///                                     ReplicaFetcher
///
/// Everything that a turn of the loop brings is worked off first; what it causes is sent once, at the turn's end (C7).
package final class ReplicaDriver {
    private let loop: EventLoop
    package let pool: Pool
    private let logger: Logger
    package private(set) var table: ReplicaTable<PoolCopyStore>
    private var readAnswers: [WaiterID: (key: Key, answer: (LocalFinding) -> Void)] = [:]
    private var commitAnswers: [OperationToken: (LocalResult) -> Void] = [:]
    private var timer: (due: BootInstant, timer: LoopTimer)?
    private var isTurnEndDue = false
    /// Frames of this turn, which go out behind its answers.
    private var frames: [OwnerFrame] = []
    package private(set) var counters = ReplicaCounters()
    package private(set) var failover = FailoverClock()
    /// For the words of failures: holders of what is being fetched, and which holders did not give a value that is waited for.
    var fetching: [Key: [OwnerID]] = [:]
    var withoutValue: [Key: String] = [:]
    private var validity = ValidityWatch()
    private var validityTimer: LoopTimer?

    // Where effects go; set once before the first event.
    package var send: (OwnerFrame) -> Void = { _ in }
    package var reconnect: () -> Void = {}
    package var refused: (LinkRefusal) -> Void = { _ in }
    package var startFetch: (FetchRequest) -> Void = { _ in }
    /// The master has answered a hello with a welcome for a new session.
    package var onWelcome: (Generation) -> Void = { _ in }
    /// Validity was lost, or is back after the given time.
    package var onValidity: (ValidityWatch.Event) -> Void = { _ in }
    /// Why no master renews this owner's validity, and an owner's name with what is the matter with it: for messages.
    package var whyNotCurrent: () -> String = { "no master renews it" }
    package var describeOwner: (OwnerID) -> String = { "owner \($0.number)" }

    package init(loop: EventLoop, pool: Pool, configuration: ReplicaConfiguration, logger: Logger) {
        self.loop = loop
        self.pool = pool
        self.logger = logger
        pool.replicaFlag = Self.replicaFlag
        table = ReplicaTable(store: PoolCopyStore(pool), configuration: configuration)
    }

    /// The number under which the master knows this owner; 0 before its first welcome.
    package var owner: OwnerID { table.owner }
    /// L4: this owner may answer by itself now.
    package var isValid: Bool { table.isValid(now: loop.now) }

    // MARK: The link

    package func connected() {
        table.connected(now: loop.now)
        scheduleTurnEnd()
    }

    package func disconnected() {
        failover.disconnected(now: loop.now)
        table.disconnected(now: loop.now)
        scheduleTurnEnd()
    }

    package func received(_ frame: MasterFrame) {
        counters.framesReceived += 1
        let generation = table.generation
        table.received(frame, now: loop.now)
        if table.generation != generation { onWelcome(table.generation) }
        if case .grant = frame.control, isValid { failover.granted(term: table.term, now: loop.now) }
        scheduleTurnEnd()
    }

    /// The owners that this one cannot connect to now, ascending: before what is looked up next, the master hears of them.
    package func reachabilityChanged(unreachable: [OwnerID]) {
        table.reachabilityChanged(unreachable: unreachable)
        scheduleTurnEnd()
    }

    // MARK: Fetches and sources

    /// - Parameter because: Which holders did not give the value, and why.
    package func fetched(_ request: FetchRequest, _ result: FetchResult<Extent>, because: String? = nil) {
        fetching[request.key] = nil
        if withoutValue.count >= Limits.explainedKeys { withoutValue = [:] }
        withoutValue[request.key] = because
        switch result {
        case .arrived: counters.fetches += 1
        case .failed, .noRoom: counters.fetchesFailed += 1
        }
        table.fetched(request.fetch, request, result, now: loop.now)
        scheduleTurnEnd()
    }

    /// Another owner asks for the bytes of (key, version); with `.copy` goes one reference.
    package func source(_ key: Key, _ version: Version) -> SourceAnswer<Extent> {
        defer { scheduleTurnEnd() }
        return table.source(key, version)
    }

    /// An extent for bytes that come from elsewhere. Nil when there is none to be had.
    ///
    /// - Parameters:
    ///   - evicts: makes room for it.
    ///   - waits: the caller asks for idle pages, then again.
    package func allocate(byteCount: Int, evicts: Bool = true, waits: Bool) -> Extent? {
        evicts
            ? try? pool.allocate(byteCount, tenant: .owner, waits: waits) { evict($0) }
            : try? pool.allocate(byteCount, tenant: .owner)
    }

    /// Marks what was fetched from another owner, in the flags of this owner's copy: such copies make room for others first.
    package static let replicaFlag: UInt32 = 1 << 31
    /// Retired entries that are looked at, at the end of a turn, though nobody asks for room.
    private static let retiredLimit = 4096

    // MARK: Turns

    private func scheduleTurnEnd() {
        guard !isTurnEndDue else { return }
        isTurnEndDue = true
        loop.atEndOfTick { [weak self] in self?.finishTurn() }
    }

    private func finishTurn() {
        isTurnEndDue = false
        pool.turnEnded()
        if pool.retiredSinceLook > Self.retiredLimit { pool.collect() }
        table.flush(now: loop.now)
        for effect in table.takeEffects() { perform(effect) }
        armTimer()
        if validity.isNews(table.deadline) { watchValidity() }
    }

    private func watchValidity() {
        if let event = validity.look(deadline: table.deadline, now: loop.now) { onValidity(event) }
        guard validityTimer == nil, let due = validity.due else { return }
        validityTimer = loop.schedule(at: due) { [weak self] in
            self?.validityTimer = nil
            self?.watchValidity()
        }
    }

    private func perform(_ effect: ReplicaEffect<Extent>) {
        switch effect {
        case .send(let frame):
            // Callers wait for the answers of this turn; for what the master hears with them (`taken`) nobody does.
            if frames.isEmpty { loop.afterFlushes { [weak self] in self?.sendFrames() } }
            frames.append(frame)
        case .startFetch(let request):
            fetching[request.key] = request.holders
            startFetch(request)
        case .answerGet(let waiter, let answer): self.answer(waiter, answer)
        case .answerCommit(let token, let answer): commitAnswers.removeValue(forKey: token)?(result(of: answer))
        case .refused(let refusal): refused(refusal)
        case .reconnect: reconnect()
        }
    }

    private func sendFrames() {
        counters.framesSent += UInt64(frames.count)
        var sending: [OwnerFrame] = []
        swap(&sending, &frames)
        for frame in sending { send(frame) }
    }

    private func armTimer() {
        guard let due = table.nextTimer else { return }
        if let timer, timer.due <= due { return }
        timer?.timer.cancel()
        timer = (due, loop.schedule(at: due) { [weak self] in self?.tick() })
    }

    private func tick() {
        timer = nil
        table.tick(now: loop.now)
        // Entries that a reader held at their retirement become free without anybody's doing.
        if pool.retiredCount > 0 { pool.collect() }
        scheduleTurnEnd()
    }

    // MARK: Answers

    private func answer(_ waiter: WaiterID, _ answer: GetAnswer<Extent>) {
        let read = readAnswers.removeValue(forKey: waiter)
        switch answer {
        case .value(let copy, let isPublished):
            guard let read else { return release(copy.extent) }
            read.answer(finding(read.key, copy, isPublished: isPublished))
        case .metadata(let version, let byteCount): read?.answer(.described(length: byteCount, version: version))
        case .absent: read?.answer(.absent)
        case .failed(let code): read.map { $0.answer(.failed(failure(code, getting: $0.key))) }
        }
    }

    /// Consumes the answer's reference: the entry has its own, an unlisted entry takes it over.
    private func finding(_ key: Key, _ copy: StoredCopy<Extent>, isPublished: Bool) -> LocalFinding {
        if isPublished, let published = pool.find(key), published.version == copy.version {
            release(copy.extent)
            return .found(published)
        }
        do throws(PoolError) {
            let entry = try pool.makeUnlisted(key, extent: copy.extent, length: copy.byteCount, version: copy.version, flags: copy.flags)
            return .unlisted(
                Copy(entry: entry, extent: copy.extent, length: copy.byteCount, version: copy.version, flags: copy.flags))
        } catch {
            release(copy.extent)
            return .failed(FluxonError(.poolExhausted, "the owner has no free entry to hand the value over: \(error)"))
        }
    }

    package func release(_ extent: Extent) { table.store.release(extent) }

    private func result(of answer: CommitAnswer) -> LocalResult {
        switch answer {
        case .committed(let version): .committed(version)
        case .conditionFailed(let version): .conditionFailed(version)
        case .failed(let code): .failed(code: code.rawValue, message: failedCommit(code).message)
        }
    }
}

// MARK: Requests of processes

extension ReplicaDriver: LocalBackend {
    package func commit(_ commit: LocalCommit, answer: @escaping (LocalResult) -> Void) {
        let value: CommitRequest<Extent>.Value?
        switch commit.operation {
        case .put(let extent, let length): value = .init(extent: extent, byteCount: length, flags: 0)
        case .remove: value = nil
        }
        counters.commits += 1
        commitAnswers[commit.token] = answer
        if value != nil { pool.makeRoomForEntry(keyByteCount: commit.key.bytes.count, of: commitAnswers.count) { evict($0) } }
        let request = CommitRequest(
            token: commit.token, key: commit.key, value: value, condition: commit.condition, deadline: commit.deadline)
        table.commit(request, now: loop.now)
        scheduleTurnEnd()
    }

    package func look(_ lookup: LocalLookup, answer: @escaping (LocalFinding) -> Void) {
        counters.reads += 1
        if !withoutValue.isEmpty { withoutValue[lookup.key] = nil }
        let waiter = WaiterID(lookup.number)
        readAnswers[waiter] = (lookup.key, answer)
        table.get(
            GetRequest(
                waiter: waiter, key: lookup.key, wants: lookup.wish == .bytes ? .value : .metadata,
                consistency: lookup.isLocal ? .local : .current, deadline: lookup.deadline),
            now: loop.now)
        scheduleTurnEnd()
    }

    package func cancelLookup(_ number: UInt64) {
        readAnswers[WaiterID(number)] = nil
        table.cancel(WaiterID(number))
    }

    /// M4, of last copies too: the master turns the drop of one into a removal.
    package func evict(_ copy: Copy) -> Bool {
        guard let key = pool.key(of: copy.entry), table.evict(key) else { return false }
        counters.evictions += 1
        scheduleTurnEnd()
        return true
    }
}

/// What an owner has done since its start; for `fluxon status`.
package struct ReplicaCounters: Hashable, Sendable {
    package var commits: UInt64 = 0
    /// Gets, `exists` and `size` that processes could not answer from shared memory.
    package var reads: UInt64 = 0
    package var fetches: UInt64 = 0
    package var fetchesFailed: UInt64 = 0
    package var evictions: UInt64 = 0
    package var framesSent: UInt64 = 0
    package var framesReceived: UInt64 = 0
}
