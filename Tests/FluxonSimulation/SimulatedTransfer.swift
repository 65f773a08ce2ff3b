import FluxonCore
import FluxonMaster
import FluxonOwner
import FluxonPool
import FluxonSeededRandom
import struct FluxonTransfer.Asker
import struct FluxonTransfer.PathID
import struct FluxonTransfer.Ticket
import struct FluxonTransfer.TicketClaim
import enum FluxonTransfer.TicketIssueError
import struct FluxonTransfer.TicketTable

/// One fetch on its way from holder to holder: what `ReplicaFetcher` keeps of it.
private final class SimulatedFetch {
    let host: SimulatedHost
    let life: UInt64
    let asker: Asker
    let request: FetchRequest
    let destination: Extent
    var holders: ArraySlice<OwnerID>
    /// The present attempt; what an earlier one brings late is dropped.
    var attempt = 0
    var hasFirstPart = false

    init(host: SimulatedHost, generation: Generation, request: FetchRequest, destination: Extent) {
        self.host = host
        life = host.owner.life
        asker = Asker(instance: host.instance, generation: generation)
        self.request = request
        self.destination = destination
        holders = request.holders[...]
    }
}

/// What a holder sends under a ticket, on one path.
private struct Sending {
    let ticket: Ticket
    let path: PathID
    let held: Extent
    let flags: UInt32
    let attempt: Int
    let source: SimulatedHost
    /// When its last part arrives: a path keeps the order.
    var arrival: UInt64 = 0
}

// Bytes between owners: a ticket from the holder, then the range in parts (M1, M4, M6).
extension Simulation {
    func startFetch(_ host: SimulatedHost, _ request: FetchRequest) {
        // On the loop's next turn: the effects of this one are still being performed.
        deliver(to: host.owner, after: 1) { [unowned self] in
            turn(host) { table, local in
                guard let extent = allocate(Int(request.byteCount), .owner, host, &table) else {
                    recallIdleSpans(host)
                    return table.fetched(request.fetch, request, .noRoom, now: local)
                }
                askNextHolder(SimulatedFetch(host: host, generation: table.generation, request: request, destination: extent))
            }
        }
    }

    private func end(_ fetch: SimulatedFetch, _ result: FetchResult<Extent>) {
        fetch.attempt += 1
        deliver(to: fetch.host.owner, after: 1) { [unowned self] in
            turn(fetch.host) { table, local in
                if case .failed = result { fetch.host.store.release(fetch.destination) }
                table.fetched(fetch.request.fetch, fetch.request, result, now: local)
            }
        }
    }

    private func askNextHolder(_ fetch: SimulatedFetch) {
        // A source that was stopped may answer to the asker's next life.
        guard fetch.host.owner.life == fetch.life else { return }
        fetch.attempt += 1
        fetch.hasFirstPart = false
        let attempt = fetch.attempt
        guard let holder = fetch.holders.popFirst() else { return end(fetch, .failed) }
        let host = fetch.host
        deliver(to: host.owner, after: 2 * Self.second) { [unowned self] in
            if fetch.attempt == attempt { askNextHolder(fetch) }
        }
        guard let source = hosts.first(where: { metadata.roster[$0.instance]?.owner == holder }), source !== host else { return }
        let ask = TicketRequest(
            key: fetch.request.key, version: fetch.request.version, asker: host.instance, generation: fetch.asker.generation)
        let bytes = ask.encoded()
        between(host, source) { [unowned self] in
            guard let ask = try? TicketRequest(decoding: bytes) else { return invariants.fail("codec: a request for a ticket") }
            let granted = issueTicket(ask, at: source)
            trace.add(
                now, "\(source.instance)", [60],
                "→ \(host.instance): \(granted.story) for \(name(ask.key)) in version \(ask.version)")
            let answer = granted.encoded()
            between(source, host) { [unowned self] in
                guard fetch.attempt == attempt, host.owner.life == fetch.life else { return }
                guard let answer = try? TicketAnswer(decoding: answer) else { return invariants.fail("codec: a ticket") }
                guard case .granted(let ticket, let length, let flags, _) = answer, let ticket = Ticket(bytes: ticket),
                    length == fetch.request.byteCount
                else { return askNextHolder(fetch) }
                read(fetch, attempt, ticket, flags, from: source)
            }
        }
    }

    /// A message between owners: lost when either is cut off at its arrival.
    private func between(_ host: SimulatedHost, _ other: SimulatedHost, after delay: UInt64? = nil, _ body: @escaping () -> Void) {
        deliver(to: other.owner, after: delay ?? networkDelay()) { [unowned self] in
            if now >= host.cutOffUntil, now >= other.cutOffUntil { body() }
        }
    }

    // MARK: The source

    private func issueTicket(_ ask: TicketRequest, at source: SimulatedHost) -> TicketAnswer {
        var answer = SourceAnswer<Extent>.gone
        turn(source) { table, _ in answer = table.source(ask.key, ask.version) }
        guard case .copy(let copy) = answer else { return answer == .gone ? .gone : .notYet }
        let ticket = Ticket(using: &random)
        do throws(TicketIssueError) {
            try source.tickets.issue(
                ticket, to: Asker(instance: ask.asker, generation: ask.generation), version: ask.version, range: 0..<copy.byteCount,
                source: copy.extent, now: source.clock.read(at: now))
        } catch {
            source.store.release(copy.extent)
            if case .duplicate = error { invariants.fail("M6: a ticket was drawn twice") }
            return .notYet
        }
        return .granted(ticket: ticket.bytes, length: copy.byteCount, flags: copy.flags & ~ReplicaDriver.replicaFlag)
    }

    func revokeUnusedTickets(_ host: SimulatedHost, _ local: BootInstant) {
        guard host.tickets.count > 0, local.nanoseconds > 5 * Self.second else { return }
        let before = BootInstant(nanoseconds: local.nanoseconds - 5 * Self.second)
        for extent in host.tickets.revokeAll(issuedUntil: before) { host.store.release(extent) }
    }

    /// Redeems the ticket on a path of its own and reads in parts. The source lets go when the last byte left, or when the path is closed.
    private func read(_ fetch: SimulatedFetch, _ attempt: Int, _ ticket: Ticket, _ flags: UInt32, from source: SimulatedHost) {
        let host = fetch.host
        let sourceLife = source.owner.life
        let path = PathID(nextPath)
        nextPath += 1
        let claim = TicketClaim(
            ticket: ticket, asker: fetch.asker, version: fetch.request.version, range: 0..<fetch.request.byteCount)
        openPaths.insert(path)
        // Whatever becomes of the asker, its path ends at the source some time.
        schedule(after: 4 * Self.second) { [unowned self] in
            openPaths.remove(path)
            guard source.owner.life == sourceLife else { return }
            for extent in source.tickets.pathClosed(path) { source.store.release(extent) }
        }
        between(host, source) { [unowned self] in
            guard let held = try? source.tickets.redeem(claim, on: path).source else {
                return between(source, host) { [unowned self] in if fetch.attempt == attempt { askNextHolder(fetch) } }
            }
            let sending = Sending(ticket: ticket, path: path, held: held, flags: flags, attempt: attempt, source: source)
            sendPart(0, of: sending, fetch)
        }
    }

    private func sendPart(_ number: Int, of sending: Sending, _ fetch: SimulatedFetch) {
        let source = sending.source
        let range = ValueBytes.bytes(of: number, byteCount: Int(fetch.request.byteCount))
        guard let memory = source.store.pool.bytes(of: sending.held) else {
            return invariants.fail("I4: \(fetch.request.version) of \(name(fetch.request.key)) is freed under a ticket")
        }
        let bytes = Array(memory[range])
        let arrival = max(now + networkDelay(), sending.arrival + 1)
        between(source, fetch.host, after: arrival - now) { [unowned self] in
            guard fetch.attempt == sending.attempt, fetch.host.owner.life == fetch.life,
                let destination = fetch.host.store.pool.bytes(of: fetch.destination)
            else { return }
            trace.add(now, "\(source.instance)", [61], "→ \(fetch.host.instance): half \(number) of \(name(fetch.request.key))")
            UnsafeMutableRawBufferPointer(rebasing: destination[range]).copyBytes(from: bytes)
            if number == 0 {
                fetch.hasFirstPart = true
            } else if fetch.hasFirstPart {
                arrived(fetch, sending.flags)
            } else {
                askNextHolder(fetch)
            }
        }
        guard number == 0 else {
            if let extent = source.tickets.done(sending.ticket) { source.store.release(extent) }
            return
        }
        // Not over a path that was closed meanwhile.
        deliver(to: source.owner, after: networkDelay() + (isRough ? 1_500 * Self.millisecond * random.below(2) : 0)) { [unowned self] in
            guard openPaths.contains(sending.path) else { return }
            var rest = sending
            rest.arrival = arrival
            sendPart(1, of: rest, fetch)
        }
    }

    private func arrived(_ fetch: SimulatedFetch, _ flags: UInt32) {
        let byteCount = Int(fetch.request.byteCount)
        if let bytes = fetch.host.store.pool.bytes(of: fetch.destination) {
            let value = ValueBytes.value(of: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<byteCount]))
            _ = invariants.i4Whole(value, fetch.request.key, fetch.request.version)
        }
        end(fetch, .arrived(extent: fetch.destination, flags: flags | ReplicaDriver.replicaFlag))
    }
}

extension TicketAnswer {
    fileprivate var story: String {
        switch self {
        case .granted: "a ticket"
        case .gone: "gone"
        case .notYet: "not yet"
        case .busy: "busy"
        case .unreachable: "unreachable"
        }
    }
}
