import FluxonCore
import FluxonSeededRandom

/// What goes wrong, and how often.
private enum Fault: CaseIterable {
    case connectionCut, connectionHeld, ownerStopped, ownerCutOff, ownerKilled
    case masterKilled, masterStopped, leaseEnded, metadataAway, metadataAnswersLost
    case clockRate
    case processKilled, processStopped, processConnectionCut
    /// An owner is cut off for so long that it is bypassed; then another master takes over, and the owner comes back to that one.
    case isolationAndFailover
    /// A master is stopped until another is elected, and goes on.
    case deposedMaster

    var weight: UInt64 {
        switch self {
        case .connectionCut: 14
        case .connectionHeld: 12
        case .ownerStopped: 12
        case .ownerCutOff: 10
        case .ownerKilled: 7
        case .masterKilled: 6
        case .masterStopped: 6
        case .leaseEnded: 5
        case .metadataAway: 4
        case .metadataAnswersLost: 3
        case .clockRate: 8
        case .processKilled: 5
        case .processStopped: 5
        case .processConnectionCut: 6
        case .isolationAndFailover: 4
        case .deposedMaster: 4
        }
    }
}

extension Simulation {
    func scheduleFault() {
        schedule(after: random.range(100...options.faultMilliseconds * 2) * Self.millisecond) { [unowned self] in
            guard !isCalm else { return }
            if !isUndisturbed { begin(nextFault()) }
            scheduleFault()
        }
    }

    private func nextFault() -> Fault {
        var place = random.below(Fault.allCases.reduce(0) { $0 + $1.weight })
        for fault in Fault.allCases {
            if place < fault.weight { return fault }
            place -= fault.weight
        }
        return .connectionCut
    }

    private func begin(_ fault: Fault) {
        let host = pick(hosts)
        let master = pick(masters)
        let client = pick(clients)
        switch fault {
        case .connectionCut:
            guard let connection = host.connection else { return }
            tell("the connection of \(host.instance) is cut")
            disconnect(connection)
        case .connectionHeld:
            guard let connection = host.connection else { return }
            let ways = random.below(3)
            hold(connection, random.range(100...9_000), up: ways != 2, down: ways != 1)
        case .ownerStopped: stop(host.owner, random.range(50...10_000), "\(host.instance)")
        case .ownerCutOff: cutOff(host, random.oneIn(4) ? random.range(12_000...22_000) : random.range(500...9_000))
        case .ownerKilled: crashOwner(host)
        case .masterKilled: crash(master)
        case .masterStopped: stop(master, random.range(500...12_000), "master-\(master.number)")
        case .leaseEnded: endLeaderLease()
        case .metadataAway:
            let time = random.range(500...6_000)
            tell("the metadata store is away for \(time) ms")
            metadataAwayUntil = now + time * Self.millisecond
        case .metadataAnswersLost:
            let time = random.range(500...4_000)
            tell("the metadata store's answers are lost for \(time) ms")
            metadataAnswersLostUntil = now + time * Self.millisecond
        case .clockRate:
            let rate = newRate()
            tell("the clock of \(host.instance) runs at \(rate) millionths")
            host.clock.setRate(rate, at: now)
            if random.oneIn(2) { master.clock.setRate(newRate(), at: now) }
        case .processKilled: crash(client)
        case .processStopped: stop(client, random.range(50...8_000), client.name)
        case .processConnectionCut: if let session = client.session { cut(session) }
        case .isolationAndFailover:
            cutOff(host, random.range(7_000...11_000))
            schedule(after: random.range(4_500...7_000) * Self.millisecond) { [unowned self] in
                guard !isCalm, let leader = metadata.leader?.master else { return }
                crash(masters[leader])
                metadata.endLease()
            }
        case .deposedMaster:
            guard let leader = metadata.leader?.master else { return }
            stop(masters[leader], random.range(1_000...12_000), "master-\(leader)")
            metadata.endLease()
        }
    }

    func tell(_ text: @autoclosure () -> String) { trace.add(now, "fault", [20], text()) }

    func endLeaderLease() {
        tell("the leader's lease ends")
        metadata.endLease()
    }

    func stop(_ process: SimulatedProcess, _ milliseconds: UInt64, _ name: String) {
        tell("\(name) is stopped for \(milliseconds) ms")
        process.stoppedUntil = max(process.stoppedUntil, now + milliseconds * Self.millisecond)
    }

    func cutOff(_ host: SimulatedHost, _ milliseconds: UInt64) {
        tell("\(host.instance) is cut off for \(milliseconds) ms")
        host.cutOffUntil = now + milliseconds * Self.millisecond
        if let connection = host.connection { disconnect(connection) }
    }

    func crash(_ master: SimulatedMaster) {
        guard master.isAlive else { return }
        tell("master-\(master.number) is killed")
        master.isAlive = false
        master.table = nil
        for connection in connectionsInOrder where connection.master === master { closeAtMaster(connection) }
        schedule(after: random.range(100...4_000) * Self.millisecond) { [unowned self] in startMaster(master) }
    }
}
