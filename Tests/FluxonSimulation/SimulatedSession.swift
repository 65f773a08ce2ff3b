import FluxonCore
import FluxonOwner
import FluxonPool

/// One process's attachment to one life of its owner: the owner's books, and what the process has of the pool.
final class SimulatedSession {
    /// The owner's number of it; also the pool's number of the process.
    let number: UInt64
    let client: SimulatedClient
    let clientLife: UInt64
    let hostLife: UInt64
    let store: SimulatedPool
    let view: PoolView
    let arena: WriteArena

    // At the owner.
    var ledger = ProcessLedger()
    var isOver = false
    var pinWords: UInt64
    /// Gets of the present connection, by request.
    var lookups: [UInt64: WaiterID] = [:]
    /// Reservations and uploads that wait for space.
    var waiting: [LocalRequest] = []

    // At the process.
    /// The present connection; both sides drop what another one brings.
    var connection: UInt64 = 1
    var isConnected = true
    /// When the last message of each direction arrives: a connection keeps their order.
    var lastUp: UInt64 = 0
    var lastDown: UInt64 = 0
    /// Granted and not written yet.
    var extents: [LocalExtent] = []
    /// Mapped for writing.
    var spans: [PoolSpan] = []
    var nextRequest: UInt64 = 1
    var nextCounter: UInt64 = 1
    /// Outcomes to be acknowledged with the next message (T1).
    var received: [UInt64] = []

    init(number: UInt64, client: SimulatedClient, hostLife: UInt64, store: SimulatedPool) throws {
        self.number = number
        self.client = client
        clientLife = client.life
        self.hostLife = hostLife
        self.store = store
        let attachment = try store.pool.attach(process: number, canPut: true)
        view = try PoolView(pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
        arena = try WriteArena(pool: attachment.pool)
        pinWords = UInt64(attachment.grantedPins)
    }
}

// The owner's side of its processes: what `ProcessSession` and `ReplicaDriver` do, in virtual time.
extension Simulation {
    func handle(
        _ frame: LocalRequestFrame, _ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>,
        _ local: BootInstant
    ) {
        session.ledger.received(frame.received)
        for request in frame.requests where !session.isOver {
            let deadline = local.advanced(by: .microseconds(Int64(clamping: request.timeoutMicroseconds)))
            switch request.body {
            case .reserve, .upload: takeIn(request, session, host, &table)
            case .commit(let commit):
                let submission = session.ledger.submit(
                    counter: commit.counter, request: request.id, extent: commit.extent, length: commit.length)
                let order = (commit.counter, commit.key, commit.length, commit.condition)
                submit(submission, request, order, deadline, session, host, &table, local)
            case .remove(let remove):
                let submission = session.ledger.submit(counter: remove.counter, request: request.id, extent: nil, length: 0)
                let order = (remove.counter, remove.key, 0 as UInt64, remove.condition)
                submit(submission, request, order, deadline, session, host, &table, local)
            case .get(let get): look(request.id, get.key, .value, deadline, session, host, &table, local)
            case .inspect(let key): look(request.id, key, .metadata, deadline, session, host, &table, local)
            case .confirm:
                if let entry = session.ledger.confirm(request: request.id) { session.store.pool.unhold(entry) }
            case .cancel:
                if let waiter = session.lookups.removeValue(forKey: request.id) {
                    host.gets[waiter] = nil
                    table.cancel(waiter)
                }
            case .giveBack(let extents):
                for extent in session.ledger.giveBack(extents) { session.store.release(extent) }
                gaveBack(session, host, &table)
            case .unmapped(let spans):
                for span in spans {
                    _ = session.store.pool.confirmUnmapped(
                        PoolSpan(offset: span.offset, byteCount: span.capacity), process: session.number)
                }
                gaveBack(session, host, &table)
            case .leave: invariants.fail("codec: a request that nobody sent: \(request)")
            }
        }
    }

    /// The bytes of a put by the socket lie in memory of the owner's.
    func takeIn(
        _ upload: LocalRequest.Upload, _ extent: Extent, _ request: LocalRequest, _ session: SimulatedSession, _ host: SimulatedHost,
        _ table: inout ReplicaTable<SimulatedPool>
    ) {
        let local = host.clock.read(at: now)
        var submission = session.ledger.submit(counter: upload.counter, request: request.id, extent: nil, length: upload.length)
        if case .proceed = submission { submission = .proceed(extent) } else { session.store.release(extent) }
        submit(
            submission, request, (upload.counter, upload.key, upload.length, upload.condition),
            local.advanced(by: .microseconds(Int64(clamping: request.timeoutMicroseconds))), session, host, &table, local)
    }

    private func submit(
        _ submission: ProcessLedger.Submission, _ request: LocalRequest,
        _ order: (counter: UInt64, key: [UInt8], length: UInt64, condition: CommitCondition), _ deadline: BootInstant,
        _ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>, _ local: BootInstant
    ) {
        switch submission {
        case .joined: return
        case .repeated(let result): tell(session, host, request.id, .outcome(.init(counter: order.counter, result: result)))
        case .refused(_, let message): invariants.fail("F2: a commit of \(session.client.name) is refused: \(message)")
        case .proceed(let extent):
            guard let key = try? Key(order.key) else { return invariants.fail("codec: a key of \(order.key.count) bytes") }
            let token = OperationToken(process: session.number, counter: order.counter)
            host.commits[token] = { [unowned self] answer in settle(session, host, order.counter, key, answer) }
            let value = extent.map { CommitRequest<Extent>.Value(extent: $0, byteCount: order.length, flags: 0) }
            let commit = CommitRequest(token: token, key: key, value: value, condition: order.condition, deadline: deadline)
            table.commit(commit, now: local)
        }
    }

    private func settle(_ session: SimulatedSession, _ host: SimulatedHost, _ counter: UInt64, _ key: Key, _ answer: CommitAnswer) {
        let result: LocalResult =
            switch answer {
            case .committed(let version): .committed(version)
            case .conditionFailed(let version): .conditionFailed(version)
            case .failed(let code): .failed(code: code.rawValue, message: "")
            }
        if case .committed(let version) = answer {
            invariants.answered(key, version, by: host, isValid: host.clock.read(at: now) < session.store.deadline)
        }
        for request in session.ledger.settle(counter: counter, result) {
            tell(session, host, request, .outcome(.init(counter: counter, result: result)))
        }
    }

    private func look(
        _ request: UInt64, _ keyBytes: [UInt8], _ wants: GetRequest.Wants, _ deadline: BootInstant, _ session: SimulatedSession,
        _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>, _ local: BootInstant
    ) {
        guard let key = try? Key(keyBytes) else { return invariants.fail("codec: a key of \(keyBytes.count) bytes") }
        let waiter = WaiterID(host.nextWaiter)
        host.nextWaiter += 1
        session.lookups[request] = waiter
        host.gets[waiter] = { [unowned self] answer in found(answer, key, request, waiter, session, host) }
        table.get(GetRequest(waiter: waiter, key: key, wants: wants, deadline: deadline), now: local)
    }

    /// P7: the entry is held till the process confirms; bytes of a detached fetch get an entry that nobody else can find (M2).
    private func found(
        _ answer: GetAnswer<Extent>, _ key: Key, _ request: UInt64, _ waiter: WaiterID, _ session: SimulatedSession, _ host: SimulatedHost
    ) {
        guard session.lookups[request] == waiter else {
            if case .value(let copy, _) = answer { session.store.release(copy.extent) }
            return
        }
        session.lookups[request] = nil
        switch answer {
        case .value(let copy, let isPublished):
            guard let entry = handedEntry(key, copy, isPublished: isPublished, session.store) else {
                return tell(session, host, request, .failed(code: FluxonError.Code.poolExhausted.rawValue, message: ""))
            }
            if let former = session.ledger.handOver(request: request, entry) { session.store.pool.unhold(former) }
            tell(
                session, host, request,
                .handover(
                    .init(
                        entry: UInt64(entry.index), entryGeneration: entry.generation, epoch: session.store.pool.epoch,
                        extent: LocalExtent(offset: copy.extent.offset, capacity: copy.extent.capacity), length: copy.byteCount,
                        version: copy.version)))
        case .metadata(let version, let byteCount):
            tell(session, host, request, .described(length: byteCount, version: version))
        case .absent: tell(session, host, request, .absent)
        case .failed(let code): tell(session, host, request, .failed(code: code.rawValue, message: ""))
        }
    }

    /// Consumes the answer's reference.
    private func handedEntry(_ key: Key, _ copy: StoredCopy<Extent>, isPublished: Bool, _ store: SimulatedPool) -> EntryReference? {
        if isPublished, let published = store.pool.find(key), published.version == copy.version {
            store.release(copy.extent)
            return store.pool.hold(published.entry) ? published.entry : nil
        }
        let entry = try? store.pool.makeUnlisted(
            key, extent: copy.extent, length: copy.byteCount, version: copy.version, flags: copy.flags)
        if entry == nil { store.release(copy.extent) }
        return entry
    }

    /// The owner knows of the process's death (P8): everything comes back at once; what it committed goes on.
    func end(_ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>) {
        guard !session.isOver else { return }
        session.isOver = true
        disconnectAtOwner(session, host, &table)
        let estate = session.ledger.end()
        for extent in estate.extents { session.store.release(extent) }
        for entry in estate.entries { session.store.pool.unhold(entry) }
        host.sessions.removeAll { $0 === session }
        session.store.pool.processDied(session.number)
        session.store.pool.collect()
        retryWaiting(host, &table)
    }

    /// A closed connection is not death (P8): the process keeps extents and pins. What it waited for has no taker.
    func disconnectAtOwner(_ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>) {
        for waiter in session.lookups.values.sorted() {
            host.gets[waiter] = nil
            table.cancel(waiter)
        }
        session.lookups = [:]
        session.waiting = []
    }

    /// An answer on its way to the process, over the connection of now.
    func tell(_ session: SimulatedSession, _ host: SimulatedHost, _ request: UInt64, _ body: LocalAnswer.Body) {
        let bytes = LocalAnswerFrame(answers: [LocalAnswer(id: request, body: body)]).encoded()
        trace.mix(bytes)
        let connection = session.connection
        deliver(to: session.client, after: localArrival(&session.lastDown)) { [unowned self] in
            guard session.isConnected, session.connection == connection, session.client.session === session else { return }
            guard let frame = try? LocalAnswerFrame(decoding: bytes) else { return invariants.fail("codec: an owner's answer") }
            for answer in frame.answers { heard(answer, session) }
        }
    }
}
