import FluxonCore
import FluxonOwner
import FluxonPool
import FluxonSeededRandom

// Space for puts: extents of a process's own, memory of the owner's for what comes by the socket; evicted for, recalled from others (F1),
// as `ProcessSession+Space` and `LocalService+Space` do it.
extension Simulation {
    /// A reservation, or an upload of a whole value.
    func takeIn(
        _ request: LocalRequest, _ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>
    ) {
        // An owner may ask for idle pages at any time; eviction makes room too well for it to have to, as a rule.
        if random.oneIn(8) { recallIdleSpans(host) }
        guard !satisfy(request, session, host, &table, evicts: true) else { return }
        session.waiting.append(request)
        recallIdleSpans(host)
        retryLater(session, host)
        deliver(to: host.owner, after: 500 * Self.millisecond) { [unowned self] in
            guard let index = session.waiting.firstIndex(where: { $0.id == request.id }) else { return }
            let exhausted = FluxonError.Code.poolExhausted.rawValue
            session.waiting.remove(at: index)
            if case .upload(let upload) = request.body {
                return tell(
                    session, host, request.id,
                    .outcome(.init(counter: upload.counter, result: .failed(code: exhausted, message: ""))))
            }
            tell(session, host, request.id, .failed(code: exhausted, message: ""))
        }
    }

    /// Readers let go without a word, copies are settled.
    private func retryLater(_ session: SimulatedSession, _ host: SimulatedHost) {
        deliver(to: host.owner, after: 25 * Self.millisecond) { [unowned self] in
            guard !session.waiting.isEmpty else { return }
            turn(host) { table, _ in
                retry(session, host, &table, evicts: true)
                recallIdleSpans(host)
            }
            retryLater(session, host)
        }
    }

    /// Somebody gave space back.
    func retryWaiting(_ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>) {
        for session in host.sessions { retry(session, host, &table, evicts: false) }
    }

    private func retry(
        _ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>, evicts: Bool
    ) {
        let waiting = session.waiting
        session.waiting = []
        for request in waiting where !satisfy(request, session, host, &table, evicts: evicts) { session.waiting.append(request) }
    }

    private func satisfy(
        _ request: LocalRequest, _ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>,
        evicts: Bool
    ) -> Bool {
        switch request.body {
        case .reserve(let byteCount, let count):
            return grant(request.id, Int(byteCount), Int(count), session, host, &table, evicts: evicts)
        case .upload(let upload):
            guard let extent = allocate(Int(upload.length), .owner, host, &table, evicts: evicts) else { return false }
            session.store.pool.bytes(of: extent)?.copyBytes(from: upload.bytes)
            takeIn(upload, extent, request, session, host, &table)
            return true
        default: return true
        }
    }

    /// Sends one extent at least, or none: then the value comes by the socket.
    private func grant(
        _ request: UInt64, _ byteCount: Int, _ count: Int, _ session: SimulatedSession, _ host: SimulatedHost,
        _ table: inout ReplicaTable<SimulatedPool>, evicts: Bool
    ) -> Bool {
        let tenant = Tenant.process(session.number)
        var extents: [Extent] = []
        if let first = allocate(byteCount, tenant, host, &table, evicts: evicts) { extents.append(first) }
        guard !extents.isEmpty || byteCount <= Limits.socketPutBytes else { return false }
        while !extents.isEmpty, extents.count < count, let extent = try? session.store.pool.allocate(byteCount, tenant: tenant) {
            extents.append(extent)
        }
        for extent in extents { session.ledger.grant(extent) }
        let spans = session.store.pool.takeGrantedSpans(of: session.number)
        for span in spans { invariants.i10OneTenant(span, granted: session, among: host.sessionsOfLivingProcesses) }
        tell(
            session, host, request,
            .granted(
                .init(
                    extents: extents.map { LocalExtent(offset: $0.offset, capacity: $0.capacity) },
                    spans: spans.map { LocalExtent($0) })))
        return true
    }

    /// An extent of `tenant`'s pages; evicts if need be.
    func allocate(
        _ byteCount: Int, _ tenant: Tenant, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>, evicts: Bool = true
    ) -> Extent? {
        let pool = host.store.pool
        guard evicts else { return try? pool.allocate(byteCount, tenant: tenant) }
        return try? pool.allocate(byteCount, tenant: tenant) { copy in pool.key(of: copy.entry).map { evict($0, host, &table) } ?? false }
    }

    func evict(_ key: Key, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>) -> Bool {
        guard table.evict(key) else { return false }
        trace.add(now, "\(host.instance)", [30, UInt64(host.number)], "evicts \(name(key))")
        invariants.evicted(key, at: host)
        return true
    }

    func recallIdleSpans(_ host: SimulatedHost) {
        for session in host.sessions where session.isConnected { recallIdleSpans(of: session, host) }
    }

    /// Free pages, and what was granted and not written.
    private func recallIdleSpans(of session: SimulatedSession, _ host: SimulatedHost) {
        let spans = session.store.pool.withdrawIdleSpans(of: session.number)
        guard !spans.isEmpty || session.ledger.grantedCount > 0 else { return }
        tell(session, host, 0, .recall(spans.map { LocalExtent($0) }))
    }

    /// What a process does not use is free: its pages are asked for next, while somebody waits.
    func gaveBack(_ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>) {
        if session.isConnected, host.sessions.contains(where: { !$0.waiting.isEmpty }) {
            let spans = session.store.pool.withdrawIdleSpans(of: session.number)
            if !spans.isEmpty { tell(session, host, 0, .recall(spans.map { LocalExtent($0) })) }
        }
        retryWaiting(host, &table)
    }
}
