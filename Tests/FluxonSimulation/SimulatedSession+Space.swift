import FluxonCore
import FluxonOwner
import FluxonPool

// Extents for puts: reserved, evicted for, recalled from others (F1), as `ProcessSession+Space` and `ReplicaDriver.makeRoom` do it.
extension Simulation {
    func reserve(
        _ request: LocalRequest, _ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>
    ) {
        guard !grant(request, session, host, &table) else { return }
        recallIdleSpans(host, except: session)
        session.waitingReservations.append(request)
        deliver(to: host.owner, after: 500 * Self.millisecond) { [unowned self] in
            guard let index = session.waitingReservations.firstIndex(where: { $0.id == request.id }) else { return }
            session.waitingReservations.remove(at: index)
            tell(session, host, request.id, .failed(code: FluxonError.Code.poolExhausted.rawValue, message: ""))
        }
    }

    /// Somebody gave pages back.
    func retryReservations(_ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>) {
        for session in host.sessions where !session.waitingReservations.isEmpty {
            let waiting = session.waitingReservations
            session.waitingReservations = []
            for request in waiting where !grant(request, session, host, &table) { session.waitingReservations.append(request) }
        }
    }

    /// Sends one extent at least; false when there is none.
    private func grant(
        _ request: LocalRequest, _ session: SimulatedSession, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>
    ) -> Bool {
        guard case .reserve(let byteCount, let count) = request.body else { return true }
        let tenant = Tenant.process(session.number)
        guard let first = allocate(Int(byteCount), tenant, host, &table) else { return false }
        var extents = [first]
        while extents.count < Int(count), let extent = try? session.store.pool.allocate(Int(byteCount), tenant: tenant) {
            extents.append(extent)
        }
        for extent in extents { session.ledger.grant(extent) }
        let spans = session.store.pool.takeGrantedSpans(of: session.number)
        for span in spans { invariants.i10OneTenant(span, granted: session, among: host.sessionsOfLivingProcesses) }
        tell(
            session, host, request.id,
            .granted(
                .init(
                    extents: extents.map { LocalExtent(offset: $0.offset, capacity: $0.capacity) },
                    spans: spans.map { LocalExtent($0) })))
        return true
    }

    /// An extent of `tenant`'s pages; evicts replicas if need be.
    func allocate(
        _ byteCount: Int, _ tenant: Tenant, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>
    ) -> Extent? {
        let pool = host.store.pool
        for _ in 0..<8 {
            if let extent = try? pool.allocate(byteCount, tenant: tenant) { return extent }
            guard makeRoom(byteCount, host, &table) else { return nil }
        }
        return nil
    }

    private func makeRoom(_ byteCount: Int, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>) -> Bool {
        let pool = host.store.pool
        if pool.collect() > 0 { return true }
        var freed = 0
        while freed < byteCount, let copy = pool.evictionCandidate(onlyReplicas: true) {
            guard let key = pool.key(of: copy.entry), evict(key, host, &table) else { break }
            freed += Int(clamping: copy.extent.capacity)
        }
        guard freed > 0 else { return false }
        host.store.makeRetirementsVisible()
        pool.collect()
        return true
    }

    func evict(_ key: Key, _ host: SimulatedHost, _ table: inout ReplicaTable<SimulatedPool>) -> Bool {
        guard table.evict(key) else { return false }
        trace.add(now, "\(host.instance)", [30, UInt64(host.number)], "evicts \(name(key))")
        invariants.evicted(key, at: host)
        return true
    }

    func recallIdleSpans(_ host: SimulatedHost, except asking: SimulatedSession?) {
        for session in host.sessions where session !== asking && session.isConnected {
            let spans = session.store.pool.withdrawIdleSpans(of: session.number)
            if !spans.isEmpty {
                tell(session, host, 0, .recall(spans.map { LocalExtent($0) }))
            }
        }
    }
}
