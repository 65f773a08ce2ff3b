import FluxonCore

/// What goes wrong, and how often.
extension Simulation {
    func scheduleFault() {
        schedule(after: random.range(100...options.faultMilliseconds * 2) * Self.millisecond) { [unowned self] in
            guard !isCalm else { return }
            fault()
            scheduleFault()
        }
    }

    private func fault() {
        let host = pick(hosts)
        let master = pick(masters)
        switch random.below(100) {
        case 0..<16:
            guard let connection = host.connection else { return }
            trace.add(now, 20, UInt64(host.number), 0, "connection of \(host.instance) cut")
            disconnect(connection)
        case 16..<30:
            let time = random.range(100...9_000)
            trace.add(now, 21, UInt64(host.number), time, "connection of \(host.instance) held for \(time) ms")
            host.connection?.heldUntil = now + time * Self.millisecond
        case 30..<44:
            let time = random.range(50...10_000)
            trace.add(now, 22, UInt64(host.number), time, "\(host.instance) stopped for \(time) ms")
            host.owner.stoppedUntil = max(host.owner.stoppedUntil, now + time * Self.millisecond)
        case 44..<56:
            let time = random.oneIn(4) ? random.range(12_000...22_000) : random.range(500...9_000)
            trace.add(now, 23, UInt64(host.number), time, "\(host.instance) cut off for \(time) ms")
            host.cutOffUntil = now + time * Self.millisecond
            if let connection = host.connection { disconnect(connection) }
        case 56..<64: crashOwner(host)
        case 64..<71:
            guard master.isAlive else { return }
            trace.add(now, 24, UInt64(master.number), 0, "master \(master.number) killed")
            crash(master)
        case 71..<79:
            let time = random.range(500...12_000)
            trace.add(now, 25, UInt64(master.number), time, "master \(master.number) stopped for \(time) ms")
            master.stoppedUntil = max(master.stoppedUntil, now + time * Self.millisecond)
        case 79..<85:
            trace.add(now, 26, 0, 0, "the leader's lease ends")
            metadata.endLease()
        case 85..<89:
            let time = random.range(500...6_000)
            trace.add(now, 27, time, 0, "metadata away for \(time) ms")
            metadataAwayUntil = now + time * Self.millisecond
        default:
            let rate = newRate()
            trace.add(now, 28, UInt64(host.number), rate, "clock of \(host.instance) runs at \(rate)")
            host.clock.setRate(rate, at: now)
            if random.oneIn(2) { master.clock.setRate(newRate(), at: now) }
        }
    }

    private func crash(_ master: SimulatedMaster) {
        master.isAlive = false
        master.table = nil
        for connection in connectionsInOrder where connection.master === master { closeAtMaster(connection) }
        schedule(after: random.range(100...4_000) * Self.millisecond) { [unowned self] in startMaster(master) }
    }
}
