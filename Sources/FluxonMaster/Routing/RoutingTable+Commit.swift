import DequeModule
import FluxonCore

// Commits of one key, one at a time: prepare, invalidate, confirm, complete, `done`, taken, exposed (C3–C6).
extension RoutingTable {
    /// A commit arrived, or a report names one that was never decided.
    mutating func enqueueCommit(_ id: OwnerID, _ commit: LinkCommit, now: BootInstant) {
        guard let session = owners[id.place].session, owners[id.place].operations[commit.operation] == nil else { return }
        let waiting = WaitingCommit(owner: id, session: session.number, reference: owners[id.place].name(commit.operation), commit: commit)
        settle(commit.key, now: now)
        // The usual case: nothing goes on for the key.
        if activities[commit.key] == nil, mayPrepare, canBegin(waiting) { return prepare(waiting, now: now) }
        activities[commit.key, default: .init()].commits.append(waiting)
        prepareNext(commit.key, now: now)
    }

    private var mayPrepare: Bool {
        #if FLUXON_PLANTING
        if planted.contains(.openAtOnce) { return true }
        #endif
        return isOpen
    }

    /// C3: takes the next commit that can begin, if the key is free and R8 holds.
    mutating func prepareNext(_ key: Key, now: BootInstant) {
        guard mayPrepare else {
            if activities[key]?.commits.isEmpty == false { stall(key, until: .opening) }
            return
        }
        while let activity = activities[key], activity.operation == nil, !activity.commits.isEmpty {
            guard let index = activity.commits.firstIndex(where: { !isLive($0) || canBegin($0) }) else {
                return stallCommits(key, activity.commits)
            }
            guard let waiting = activities[key]?.commits.remove(at: index), isLive(waiting) else { continue }
            prepare(waiting, now: now)
        }
        tidy(key)
    }

    /// A condition waits for R7, a commit of an owner that is out for the roster.
    private mutating func stallCommits(_ key: Key, _ commits: Deque<WaitingCommit>) {
        for waiting in commits { stall(key, until: owners[waiting.owner.place].isIn ? .completeness : .roster(waiting.owner)) }
    }

    /// A commit of a session that is over comes again with the report, if it was never decided.
    func isLive(_ waiting: WaitingCommit) -> Bool {
        owners[waiting.owner.place].session?.number == waiting.session
            && owners[waiting.owner.place].operations[waiting.commit.operation] == nil
    }

    /// The condition can be judged, and the owner is in again (R3): what others park for one that the next term does not believe would be
    /// lost with this master (decision 0031).
    private func canBegin(_ waiting: WaitingCommit) -> Bool {
        #if FLUXON_PLANTING
        if planted.contains(.prepareForOut) { return canJudge(waiting.commit) }
        #endif
        return owners[waiting.owner.place].isIn && canJudge(waiting.commit)
    }

    private func canJudge(_ commit: LinkCommit) -> Bool { commit.condition == .none || isDecided(commit.key) }

    private mutating func prepare(_ waiting: WaitingCommit, now: BootInstant) {
        let commit = waiting.commit
        let current = records[commit.key]
        guard holds(commit.condition, current?.version) else {
            finish(waiting, .conditionFailed(current?.version), now: now)
            restoreClaims(of: waiting.reference, key: commit.key, now: now)
            return
        }
        var operation = RunningOperation(waiting.reference, commit)
        owners[waiting.owner.place].operations[commit.operation] = OwnerOperation(key: commit.key, kind: commit.kind)
        dropClaims(for: &operation, now: now)
        if let current {
            for holder in holderLists.owners(of: current.holders) where holder != waiting.owner {
                invalidate(holder, upTo: current.version, for: &operation, now: now)
            }
        }
        activities[commit.key, default: .init()].operation = operation
        completeIfConfirmed(commit.key, now: now)
    }

    private func holds(_ condition: CommitCondition, _ current: Version?) -> Bool {
        switch condition {
        case .none: true
        case .absent: current == nil
        case .present: current != nil
        case .version(let version): current == version
        }
    }

    /// Tells one holder, or notes that it cannot be told (L3).
    mutating func invalidate(_ holder: OwnerID, upTo version: Version, for operation: inout RunningOperation, now: BootInstant) {
        var sent: (session: UInt64, number: UInt64)?
        // Nothing is parked for a removal of the master's own (K3).
        let cause = operation.reference
        if let session = owners[holder.place].session?.number,
            let number = sendInvalidation(holder, operation.key, upTo: version, cause: cause)
        {
            sent = (session: session, number: number)
            operation.invalidated.append((owner: holder, session: session, number: number))
        }
        wait(for: holder, upTo: version, cause: cause, sent: sent, &operation, now: now)
    }

    /// The operation waits until the holder has confirmed what was sent, unless its lease is over and it is out (L3 + G2).
    mutating func wait(
        for holder: OwnerID, upTo version: Version, cause: OperationReference?, sent: (session: UInt64, number: UInt64)?,
        _ operation: inout RunningOperation, now: BootInstant
    ) {
        let barrier = owners[holder.place].lease.lastGrant
        if sent == nil, owners[holder.place].isOut(term: term), deadBy(barrier) < now { return }
        #if FLUXON_PLANTING
        if planted.contains(.completeBeforeConfirm) { return }
        #endif
        let awaited = AwaitedConfirmation(
            key: operation.key, operation: operation.name, version: version, cause: cause, sent: sent, barrier: barrier)
        expect(awaited, from: holder)
        operation.awaited.append(holder)
    }

    mutating func expect(_ confirmation: AwaitedConfirmation, from holder: OwnerID) {
        owners[holder.place].awaited.append(confirmation)
        timers.schedule(holder, at: deadBy(confirmation.barrier))
    }

    func deadBy(_ barrier: BootInstant?) -> BootInstant {
        ValidityLease.deadBy(barrier, electedAt: electedAt, timing: timing)
    }

    /// - Returns: The number of the invalidation; nil without a session.
    mutating func sendInvalidation(_ holder: OwnerID, _ key: Key, upTo version: Version, cause: OperationReference?) -> UInt64? {
        guard let number = owners[holder.place].session?.nextInvalidation else { return nil }
        owners[holder.place].session?.nextInvalidation = number + 1
        send(holder, .invalidate(Invalidation(number: number, key: key, upTo: version, cause: cause)))
        return number
    }

    /// The holder has applied every invalidation of this session up to `number`.
    mutating func confirmed(_ holder: OwnerID, upTo number: UInt64, now: BootInstant) {
        guard let session = owners[holder.place].session?.number else { return }
        // First: what completes now may let another operation begin, which waits for what still leaves.
        claimsLeft(holder, upTo: number)
        while let first = owners[holder.place].awaited.first, let sent = first.sent, sent.session == session, sent.number <= number {
            owners[holder.place].awaited.removeFirst()
            resolve(first, holder, now: now)
        }
        if let next = owners[holder.place].awaited.first { timers.schedule(holder, at: deadBy(next.barrier)) }
    }

    /// A confirmation came, or is no longer needed.
    mutating func resolve(_ confirmation: AwaitedConfirmation, _ holder: OwnerID, now: BootInstant) {
        guard activities[confirmation.key]?.operation?.name == confirmation.operation else { return }
        if let place = activities[confirmation.key]?.operation?.awaited.firstIndex(of: holder) {
            activities[confirmation.key]?.operation?.awaited.remove(at: place)
        }
        completeIfConfirmed(confirmation.key, now: now)
    }

    mutating func completeIfConfirmed(_ key: Key, now: BootInstant) {
        guard let operation = activities[key]?.operation, operation.isPrepared, operation.awaited.isEmpty else { return }
        switch operation.work {
        case .commit(let commit):
            guard let reference = operation.reference else { return }
            complete(operation, reference, commit, now: now)
        case .removal(let cause):
            activities[key]?.operation = nil
            removed(key, cause)
            keyIsFree(key, now: now)
        }
    }

    /// C5: version order is completion order.
    private mutating func complete(
        _ operation: RunningOperation, _ reference: OperationReference, _ commit: LinkCommit, now: BootInstant
    ) {
        let key = commit.key
        let committer = reference.owner
        let version = nextVersion()
        var operation = operation
        operation.version = version
        operation.replaced = records[key]?.version
        activities[key]?.operation = operation
        if var record = records[key] { holderLists.removeAll(from: &record.holders) }
        switch commit.kind {
        case .put:
            register(committer, key, KeyRecord(version: version, byteCount: commit.byteCount))
            removals.remove(key)
        case .remove:
            records[key] = nil
            rememberRemoval(key)
        }
        let number = reference.number
        owners[committer.place].operations[number]?.outcome = .committed(version)
        if observesOperations { note(.operationCompleted(reference, commit, version)) }
        sendDone(committer, number, publishes: true, now: now)
        #if FLUXON_PLANTING
        if planted.contains(.exposeEarly) { answerLookups(key, now: now) }
        #endif
        // A committer that is out already is not waited for.
        if owners[committer.place].isOut(term: term) { expose(key, now: now) }
    }

    mutating func nextVersion() -> Version {
        sequence += 1
        return Version(term: term, sequence: sequence)
    }

    mutating func forgetRecord(_ key: Key) {
        guard var record = records[key] else { return }
        holderLists.removeAll(from: &record.holders)
        records[key] = nil
    }

    /// R3: while somebody may bring an older copy, a removal is remembered.
    mutating func rememberRemoval(_ key: Key) {
        if !isComplete { removals.insert(key) }
    }

    /// An outcome that changed nothing.
    private mutating func finish(_ waiting: WaitingCommit, _ outcome: CommitOutcome, now: BootInstant) {
        let number = waiting.commit.operation
        owners[waiting.owner.place].operations[number] = OwnerOperation(
            key: waiting.commit.key, kind: waiting.commit.kind, outcome: outcome)
        sendDone(waiting.owner, number, publishes: false, now: now)
    }

    /// Sends a stored outcome; during a report it waits for its end, which replays it (R3).
    mutating func sendDone(_ id: OwnerID, _ number: UInt64, publishes: Bool, isExposed: Bool = false, now: BootInstant) {
        guard let outcome = owners[id.place].operations[number]?.outcome else { return }
        let due = now.advanced(by: confirmationWait)
        owners[id.place].untaken.append((operation: number, due: due))
        timers.schedule(id, at: due)
        guard owners[id.place].session?.isActive == true else { return }
        send(id, .done(operation: number, outcome, publishes: publishes, isExposed: isExposed))
    }

    /// C5's acknowledgement: the version is exposed and the key open again.
    mutating func taken(_ id: OwnerID, _ number: UInt64, now: BootInstant) {
        guard let operation = owners[id.place].operations[number], operation.outcome != nil else { return }
        owners[id.place].operations[number] = nil
        while let first = owners[id.place].untaken.first, owners[id.place].operations[first.operation] == nil {
            owners[id.place].untaken.removeFirst()
        }
        exposeIfRunning(operation.key, owners[id.place].name(number), now: now)
    }

    mutating func exposeIfRunning(_ key: Key, _ reference: OperationReference, now: BootInstant) {
        guard let running = activities[key]?.operation, running.reference == reference, !running.isPrepared else { return }
        expose(key, now: now)
    }

    mutating func expose(_ key: Key, now: BootInstant) {
        guard let operation = activities[key]?.operation.take() else { return }
        if observesOperations, let reference = operation.reference, let version = operation.version {
            note(.exposed(reference, key, version))
        }
        for told in operation.invalidated where owners[told.owner.place].session?.number == told.session {
            send(told.owner, .settled(told.number...told.number))
        }
        keyIsFree(key, now: now)
    }

    /// C6: the operation's owner died before `done` was sent: it came to nothing.
    mutating func abort(_ key: Key, now: BootInstant) {
        guard let operation = activities[key]?.operation, operation.isPrepared else { return }
        activities[key]?.operation = nil
        if let version = records[key]?.version {
            for told in operation.invalidated where owners[told.owner.place].session?.number == told.session {
                send(told.owner, .restore(key, version))
            }
        }
        keyIsFree(key, now: now)
    }

    /// No operation runs on the key: judge what waits for that.
    mutating func keyIsFree(_ key: Key, now: BootInstant) {
        removeIfLastCopyGone(key, .evicted, now: now)
        answerLookups(key, now: now)
        prepareNext(key, now: now)
        tidy(key)
    }
}
