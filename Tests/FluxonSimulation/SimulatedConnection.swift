import FluxonCore
import FluxonMaster
import FluxonOwner
import FluxonSeededRandom

/// One stream between an owner and a master: ordered each way, until one side closes it or it is cut. What is under way then may
/// still arrive until the receiver learns.
final class SimulatedConnection {
    let number: UInt64
    let host: SimulatedHost
    let hostLife: UInt64
    let master: SimulatedMaster
    let masterLife: UInt64
    var isOpenAtOwner = true
    var isOpenAtMaster = true
    /// Cut, and what was under way is lost at once.
    var isReset = false
    /// Nothing passes before these times; then everything, in order.
    var upHeldUntil: UInt64 = 0
    var downHeldUntil: UInt64 = 0
    var lastUp: UInt64 = 0
    var lastDown: UInt64 = 0

    init(number: UInt64, host: SimulatedHost, master: SimulatedMaster) {
        self.number = number
        self.host = host
        hostLife = host.owner.life
        self.master = master
        masterLife = master.life
    }
}

extension Simulation {
    var connectionsInOrder: [SimulatedConnection] { connections.keys.sorted().compactMap { connections[$0] } }

    /// The owner looks for the leader and connects, again and again.
    func connectSoon(_ host: SimulatedHost) {
        guard !host.isConnecting else { return }
        host.isConnecting = true
        deliver(to: host.owner, after: random.range(5...400) * Self.millisecond) { [unowned self] in
            host.isConnecting = false
            connect(host)
        }
    }

    private func connect(_ host: SimulatedHost) {
        guard host.connection == nil else { return }
        // Now and then the owner has an old address.
        let known = random.oneIn(10) ? Int(random.below(UInt64(masters.count))) : metadata.leader?.master
        guard let known, now >= host.cutOffUntil, masters[known].isAlive, masters[known].table != nil else { return connectSoon(host) }
        let connection = SimulatedConnection(number: nextConnection, host: host, master: masters[known])
        nextConnection += 1
        connections[connection.number] = connection
        host.connection = connection
        turn(host) { table, local in table.connected(now: local) }
    }

    private func arrival(_ last: inout UInt64, _ heldUntil: UInt64) -> UInt64 {
        last = max(last + 1, max(heldUntil, now) + networkDelay())
        return last - now
    }

    /// When a side learns that the connection is gone: behind everything that is under way, or before a part of it, which is lost.
    private func end(_ last: inout UInt64, _ heldUntil: UInt64) -> UInt64 {
        let behind = arrival(&last, heldUntil)
        let first = max(heldUntil, now) - now
        return random.oneIn(2) ? behind : random.range(min(first, behind)...behind) + 1
    }

    func sendUp(_ connection: SimulatedConnection, _ frame: OwnerFrame) {
        let bytes = frame.encoded()
        trace.mix(bytes)
        trace.add(now, "\(connection.host.instance)", [40], "→ master-\(connection.master.number): \(story(frame))")
        for case .taken(let number) in frame.messages {
            guard let operation = name(number, of: connection.host), connection.host.committed.remove(operation) != nil else { continue }
            invariants.taken(operation)
        }
        deliver(to: connection.master, after: arrival(&connection.lastUp, connection.upHeldUntil)) { [unowned self] in
            guard connection.isOpenAtMaster, !connection.isReset, connection.master.life == connection.masterLife else { return }
            guard connection.master.table != nil else { return closeAtMaster(connection) }
            guard let frame = try? OwnerFrame(decoding: bytes) else { return invariants.fail("codec: an owner's frame") }
            reportEnds(frame, on: connection)
            turn(connection.master) { table, local in table.received(frame, on: ConnectionID(connection.number), now: local) }
        }
    }

    func sendDown(_ id: ConnectionID, _ frame: MasterFrame, _ master: SimulatedMaster, _ exposedBefore: [Key: Version]) {
        guard let connection = connections[id.number], connection.isOpenAtMaster else { return }
        checkExposure(frame, exposedBefore)
        for case .invalidate(let invalidation) in frame.messages {
            guard let cause = invalidation.cause else { continue }
            replacing[cause, default: []].append(connection)
            commitIsTold(cause, invalidation.key, over: connection)
        }
        let bytes = frame.encoded()
        trace.mix(bytes)
        trace.add(now, "master-\(master.number)", [41], "→ \(connection.host.instance): \(story(frame))")
        deliver(to: connection.host.owner, after: arrival(&connection.lastDown, connection.downHeldUntil)) { [unowned self] in
            guard connection.isOpenAtOwner, !connection.isReset, connection.host.owner.life == connection.hostLife else { return }
            guard let frame = try? MasterFrame(decoding: bytes) else { return invariants.fail("codec: a master's frame") }
            if case .welcome(let welcome) = frame.control, welcome.keepsNothing { invariants.distrusted(connection.host) }
            for case .done(let number, .committed, _, _) in frame.messages {
                if let operation = name(number, of: connection.host) { connection.host.committed.insert(operation) }
            }
            for case .invalidate(let invalidation) in frame.messages {
                invariants.invalidated(invalidation.key, for: invalidation.cause, at: connection.host)
            }
            turn(connection.host) { table, local in table.received(frame, now: local) }
        }
    }

    private func name(_ operation: UInt64, of host: SimulatedHost) -> OperationReference? {
        guard let owner = host.table?.owner, let generation = host.table?.generation else { return nil }
        return OperationReference(owner: owner, generation: generation, number: operation)
    }

    func closeAtMaster(_ connection: SimulatedConnection) {
        guard connection.isOpenAtMaster else { return }
        connection.isOpenAtMaster = false
        disconnect(connection)
    }

    func closeAtOwner(_ connection: SimulatedConnection) {
        guard connection.isOpenAtOwner else { return }
        connection.isOpenAtOwner = false
        if connection.host.connection === connection { connection.host.connection = nil }
        disconnect(connection)
    }

    /// Each side learns at its own time.
    func disconnect(_ connection: SimulatedConnection) {
        if random.oneIn(2) { connection.isReset = true }
        if connection.isOpenAtOwner {
            deliver(to: connection.host.owner, after: end(&connection.lastDown, connection.downHeldUntil)) { [unowned self] in
                guard connection.isOpenAtOwner, connection.host.owner.life == connection.hostLife else { return }
                connection.isOpenAtOwner = false
                guard connection.host.connection === connection else { return }
                connection.host.connection = nil
                turn(connection.host) { table, local in table.disconnected(now: local) }
                connectSoon(connection.host)
            }
        }
        if connection.isOpenAtMaster {
            deliver(to: connection.master, after: end(&connection.lastUp, connection.upHeldUntil)) { [unowned self] in
                guard connection.isOpenAtMaster, connection.master.life == connection.masterLife else { return }
                connection.isOpenAtMaster = false
                connections[connection.number] = nil
                turn(connection.master) { table, local in table.disconnected(ConnectionID(connection.number), now: local) }
            }
        } else {
            connections[connection.number] = nil
        }
    }
}
