import DequeModule
package import FluxonCore

// Silent owners: bypass (L3, G2), loss (R4), new generations (R1), and the phases of a new master (R7, R8).
extension RoutingTable {
    /// When `tick` has something to do; the end of time when nothing is due.
    package var nextTimer: BootInstant {
        // What turns left to do is done in the next one.
        hasWork ? .zero : min(strangersExpireAt, max(timers.first, judgesSilenceFrom)).advanced(by: .nanoseconds(1))
    }

    /// After whatever may have brought the time forward at which the owner is to be judged.
    mutating func scheduleTimer(_ id: OwnerID) {
        let owner = owners[id.place]
        guard !owner.isWriting else { return }
        if let due = bypassDue(owner) { timers.schedule(id, at: due) }
        if canBeLost(owner) { timers.schedule(id, at: lostDue(owner)) }
        if isMissing(owner) { timers.schedule(id, at: reportDue) }
    }

    package mutating func tick(now: BootInstant) {
        // After a pause of its own a master has unread frames: what looks like silence may be its own.
        if now.since(lastTick) > timing.renewalInterval * 3 { judgesSilenceFrom = now.advanced(by: timing.renewalInterval) }
        lastTick = now
        expireStrangers(now: now)
        guard mayAct(now: now) else {
            judgesSilenceFrom = max(judgesSilenceFrom, now.advanced(by: timing.renewalInterval))
            return
        }
        guard now >= judgesSilenceFrom else { return }
        // Those for whom this turn is too short have their time behind them, and the next tick follows at once.
        for _ in 0..<Limits.masterTurnOwners {
            guard let id = timers.takeDue(now: now) else { break }
            judge(id, now: now)
            scheduleTimer(id)
        }
        checkProgress(now: now)
    }

    private mutating func judge(_ id: OwnerID, now: BootInstant) {
        while let first = owners[id.place].untaken.first, !isUnexposed(owners[id.place], first.operation) {
            owners[id.place].untaken.removeFirst()
        }
        let owner = owners[id.place]
        if let due = bypassDue(owner), due < now {
            if owner.isOut(term: term) { goOnWithout(id, now: now) } else { bypass(id, now: now) }
        }
        if canBeLost(owner), lostDue(owner) < now {
            endSession(id, now: now)
            owners[id.place].desired.state = .lost
            write(id)
        } else if isMissing(owner), reportDue < now {
            bypass(id, now: now)
        }
    }

    /// G2: no grants any more, then the roster. It says of a lost owner that came back and is not in again yet that it has no rights.
    private mutating func bypass(_ id: OwnerID, now: BootInstant) {
        endSession(id, now: now)
        if owners[id.place].desired.state != .lost { owners[id.place].desired.state = .bypassed(term: term) }
        #if FLUXON_PLANTING
        if planted.contains(.bypassWithoutRoster) { owners[id.place].entry = owners[id.place].desired }
        #endif
        write(id)
        goOnWithout(id, now: now)
    }

    private var reportDue: BootInstant { electedAt.advanced(by: timing.newMasterWait) }

    /// R8 waits for this owner, and nothing was done about it yet.
    private func isMissing(_ owner: RoutingOwner) -> Bool {
        guard !isOpen, !owner.isKnown, owner.session == nil, !owner.isWriting else { return false }
        return owner.desired.state != .bypassed(term: term) && owner.desired.state != .lost
    }

    private func canBeLost(_ owner: RoutingOwner) -> Bool {
        owner.entry != nil && owner.desired.state != .lost && !owner.isWriting
    }

    private func lostDue(_ owner: RoutingOwner) -> BootInstant { owner.lastHeard.advanced(by: timing.lostAfter) }

    /// L3: when the oldest thing that waits for this owner may go on without it.
    private func bypassDue(_ owner: RoutingOwner) -> BootInstant? {
        guard !owner.isWriting else { return nil }
        let confirmation = owner.awaited.first.map { deadBy($0.barrier) }
        let taking = owner.untaken.first?.due
        guard let confirmation, let taking else { return confirmation ?? taking }
        return min(confirmation, taking)
    }

    private func isUnexposed(_ owner: RoutingOwner, _ number: UInt64) -> Bool {
        guard let operation = owner.operations[number], let running = activities[operation.key]?.operation else { return false }
        return running.reference == owner.name(number) && running.version != nil
    }

    /// Releases what waited for an owner that is out: confirmations whose lease is over, and its own completions.
    mutating func goOnWithout(_ id: OwnerID, now: BootInstant) {
        guard owners[id.place].isOut(term: term) else { return }
        while let first = owners[id.place].awaited.first, deadBy(first.barrier) < now {
            owners[id.place].awaited.removeFirst()
            resolve(first, id, now: now)
        }
        for number in owners[id.place].operations.keys.sorted() {
            guard let operation = owners[id.place].operations[number] else { continue }
            exposeIfRunning(operation.key, owners[id.place].name(number), now: now)
        }
    }

    /// R4: final. L3 is over, for `lostAfter` is longer than W₀.
    mutating func becameLost(_ id: OwnerID, now: BootInstant) {
        note(.lost(owners[id.place].instance))
        forget(id, owners[id.place].generation, now: now)
        owners[id.place].isTrusted = false
    }

    /// R1, R4: the generation before is fenced or dead, and never comes back.
    mutating func supersede(_ id: OwnerID, now: BootInstant) {
        forget(id, Generation(owners[id.place].generation.number - 1), now: now)
        owners[id.place].hasReported = true
        owners[id.place].isTrusted = true
        owners[id.place].lease = ValidityLease()
    }

    /// Everything of one generation: its operations, what waited for it, its copies.
    private mutating func forget(_ id: OwnerID, _ generation: Generation, now: BootInstant) {
        owners[id.place].mustReportAgain = false
        let operations = owners[id.place].operations
        owners[id.place].operations = [:]
        owners[id.place].untaken = []
        let awaited = owners[id.place].awaited
        owners[id.place].awaited = []
        owners[id.place].leaving = []
        forgetClaims(of: id)
        for number in operations.keys.sorted() {
            guard let operation = operations[number] else { continue }
            let reference = OperationReference(owner: id, generation: generation, number: number)
            guard activities[operation.key]?.operation?.reference == reference else { continue }
            if operation.outcome == nil { abort(operation.key, now: now) } else { expose(operation.key, now: now) }
        }
        for confirmation in awaited { resolve(confirmation, id, now: now) }
        beginSweep(id, .lost)
        judgeAllClaims(now: now)
        stalled.wake(.holder(id))
        // Its commits are no more: the keys are not listed for them any longer.
        stalled.wake(.roster(id))
    }

    /// What exists, and what an operation removed or will put that is not exposed: in another term it may turn out otherwise.
    private var keysNotAbsent: [Key] { records.keys() + activities.filter { $0.value.operation != nil }.keys }

    /// R8, then R7.
    mutating func checkProgress(now: BootInstant) {
        if !isOpen, nobodyFails({ [term] in $0.isKnown || $0.isOut(term: term) }) {
            isOpen = true
            note(.opened)
            judgeAllClaims(now: now)
            stalled.wake(.opening)
        }
        // Not before the commits have begun that waited for R8. One may be complete in the last term, seen by nobody, and its key's older
        // copies gone: absence would be shown where there was a value (I9).
        if isOpen, !isComplete, !stalled.hasWoken, nobodyFails({ $0.isKnown || ($0.desired.state == .lost && $0.isWritten) }) {
            isComplete = true
            note(.completed(existing: observesOperations ? keysNotAbsent : []))
            judgeAllClaims(now: now)
            removals = KeySet()
            stalled.wake(.completeness)
        }
    }

    /// Begins at the owner that failed last, who most often still does: else each report of a thousand owners would ask all of them.
    private mutating func nobodyFails(_ isReady: (RoutingOwner) -> Bool) -> Bool {
        for step in owners.indices {
            let place = (waitsFor + step) % owners.count
            guard isReady(owners[place]) else {
                waitsFor = place
                return false
            }
        }
        return true
    }
}
