import FluxonCore
import FluxonMaster
import FluxonOwner
import FluxonSeededRandom

/// What goes wrong at moments of which C5, R3, R6 and R7 speak. They last milliseconds, and faults at random times miss them.
///
///     new session ─▶ report's last page ─▶ what the master then tells ─▶ the roster says `in`
///                          ▲ reportEnds: the answer is held, the master lost            ▲ ownerIsIn: the master lost
///     commit ─▶ completed ─▶ done ─▶ taken: seen by others
///                   ▲ commitCompletes: `done` is held, others report anew, the master lost
extension Simulation {
    /// The frame with the last page of a report reaches the master. Only an owner that reports again in one term is not trusted with
    /// what it reports, so that is where most goes wrong.
    func reportEnds(_ frame: OwnerFrame, on connection: SimulatedConnection) {
        let isLast = frame.messages.contains { if case .report(let page) = $0 { page.isLast } else { false } }
        guard isLast, isRough else { return }
        ownerReturns(connection)
        guard !isUndisturbed, random.oneIn(frame.session > 1 ? 3 : 12) else { return }
        switch random.below(3) {
        case 0: hold(connection, random.range(5...2_000), up: true, down: true)
        case 1: hold(connection, random.range(3_000...5_000), up: true, down: true)
        default: break
        }
        loseSoon(connection.master, within: 30)
    }

    /// A guarded transaction has brought an owner back into the roster.
    func ownerIsIn(_ master: SimulatedMaster) {
        guard isRough, random.oneIn(options.shape == .terms ? 2 : 3) else { return }
        loseSoon(master, within: 2)
    }

    /// A commit that replaces what others have is completed and seen by nobody: the next master decides it anew (decision 0017), and a
    /// condition looks at what others report then.
    func commitCompletes(_ operation: OperationReference, _ condition: CommitCondition, _ master: SimulatedMaster) {
        guard isRough, let holders = replacing.removeValue(forKey: operation),
            random.oneIn(condition == .none ? 30 : 6),
            let connection = hosts.first(where: { $0.table?.owner == operation.owner })?.connection, connection.master === master
        else { return }
        switch random.below(3) {
        case 0:
            // Who has what is replaced reports it to a master that is lost before `done` arrives.
            hold(connection, random.range(2_000...9_000), up: false, down: true)
            for holder in holders { endSession(over: holder, within: 200) }
            loseSoon(master, within: 2_000)
        case 1:
            // `done` arrives when the next master has gone on without this owner.
            hold(connection, random.range(8_000...14_000), up: false, down: true)
            loseSoon(master, within: 30)
        default:
            // Bypassed, so others see it; then the owner reports the commit as pending.
            hold(connection, random.range(4_500...8_000), up: random.oneIn(2), down: true)
        }
    }

    /// Nothing passes for so long; then everything, in order.
    func hold(_ connection: SimulatedConnection, _ milliseconds: UInt64, up: Bool, down: Bool) {
        let ways = up && down ? "both ways" : up ? "to the master" : "to the owner"
        tell("the connection of \(connection.host.instance) is held for \(milliseconds) ms, \(ways)")
        if up { connection.upHeldUntil = now + milliseconds * Self.millisecond }
        if down { connection.downHeldUntil = now + milliseconds * Self.millisecond }
        if random.oneIn(3) { endSession(over: connection, within: 3_500) }
    }

    /// The master hears something impossible and ends the session, at a connection that is held long before its owner learns of it.
    private func endSession(over connection: SimulatedConnection, within milliseconds: UInt64) {
        deliver(to: connection.master, after: random.range(0...milliseconds) * Self.millisecond) { [unowned self] in
            guard isRough, connection.isOpenAtMaster, connection.master.life == connection.masterLife,
                let table = connection.master.table, let session = table.session(of: connection.host.instance)
            else { return }
            tell("master-\(connection.master.number) hears something impossible from \(connection.host.instance)")
            var frame = OwnerFrame(term: table.term, session: session.number)
            frame.first = .max
            frame.messages = [.confirm(upTo: 0)]
            turn(connection.master) { table, local in table.received(frame, on: ConnectionID(connection.number), now: local) }
        }
    }

    func loseSoon(_ master: SimulatedMaster, within milliseconds: UInt64) {
        let life = master.life
        schedule(after: random.range(0...milliseconds * 1_000) * Self.microsecond) { [unowned self] in
            guard isRough, master.life == life, master.isAlive else { return }
            lose(master)
        }
    }

    /// Another master takes over; this one is dead, or goes on until its authority ends, or hears of it late.
    private func lose(_ master: SimulatedMaster) {
        switch random.below(3) {
        case 0: crash(master)
        case 1: break
        default: stop(master, random.range(500...12_000), "master-\(master.number)")
        }
        if metadata.leader?.master == master.number { endLeaderLease() }
    }
}
