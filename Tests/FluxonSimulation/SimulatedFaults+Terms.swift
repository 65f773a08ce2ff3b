import FluxonCore
import FluxonMaster
import FluxonOwner
import FluxonSeededRandom

/// What only several terms together can show, and faults at random times never meet: each step below is likely, given the one before, and
/// little else goes on meanwhile.
///
///     term 1   a commit is told to two holders ─▶ one confirms, one never hears of it, its owner is cut off, the master lost   commitIsTold
///     term 2   goes on without that owner ─▶ the live copies are evicted at a stroke; others read                             termOpens
///              the owner is back ─▶ what the others are told is held; when the roster says `in`, the master is lost   ownerReturns, ownerIsIn
///     term 3   hears of the copy that was parked in term 1, and of the commit
extension Simulation {
    private var isChained: Bool { chain.map { now < $0.until } ?? false }

    /// Most of what else could go wrong would break the chain.
    var isUndisturbed: Bool { isChained && !random.oneIn(6) }

    /// What is overwritten by anybody else is no link in the chain any more.
    func isUndisturbed(_ key: Key) -> Bool { isChained && chain?.key == key }

    /// An invalidation is about to leave.
    func commitIsTold(_ cause: OperationReference, _ key: Key, over connection: SimulatedConnection) {
        guard options.shape == .terms, isRough, !isChained, replacing[cause, default: []].count > 1,
            random.oneIn(4), let host = hosts.first(where: { $0.table?.owner == cause.owner }), host !== connection.host
        else { return }
        chain = (key, now + random.range(14_000...20_000) * Self.millisecond)
        tell("the connection of \(connection.host.instance) is cut")
        disconnect(connection)
        connection.isReset = true
        cutOff(host, random.range(8_500...12_500))
        loseSoon(connection.master, within: 20)
    }

    /// A master completes commits from here on, perhaps without an owner that it has not heard.
    func termOpens() {
        guard let chain, isChained, isRough, !random.oneIn(4) else { return }
        let pause = random.range(0...600) * Self.millisecond
        for host in hosts {
            deliver(to: host.owner, after: pause + random.range(1...3_000) * Self.microsecond) { [unowned self] in
                turn(host) { table, _ in _ = evict(chain.key, host, &table) }
            }
        }
    }

    /// The last page of an owner's report has come.
    func ownerReturns(_ connection: SimulatedConnection) {
        guard isChained, let term = connection.master.table?.term,
            metadata.roster[connection.host.instance]?.state == .bypassed(term: term), !random.oneIn(4)
        else { return }
        for other in hosts where other !== connection.host {
            guard let other = other.connection, other.master === connection.master, random.oneIn(2) else { continue }
            let held = random.range(200...3_000)
            tell("the connection of \(other.host.instance) is held for \(held) ms, to the owner")
            other.downHeldUntil = now + held * Self.millisecond
        }
    }
}
