import FluxonCore

// Commits of one key, one at a time: prepare, invalidate, confirm, complete, `done`, taken, exposed (C3–C6).
extension RoutingTable {
    /// A commit arrived, or a report names one that was never decided.
    mutating func enqueueCommit(_ id: OwnerID, _ commit: LinkCommit, now: BootInstant) {
        guard let session = owners[id.place].session, owners[id.place].operations[commit.operation] == nil else { return }
        let waiting = WaitingCommit(owner: id, session: session.number, reference: owners[id.place].name(commit.operation), commit: commit)
        // The usual case: nothing goes on for the key.
        if activities[commit.key] == nil, mayPrepare, canJudge(commit) { return prepare(waiting, now: now) }
        activities[commit.key, default: .init()].commits.append(waiting)
        prepareNext(commit.key, now: now)
    }

    private var mayPrepare: Bool {
        #if FLUXON_PLANTING
        if planted == .openAtOnce { return true }
        #endif
        return isOpen
    }

    /// C3: takes the next commit whose condition can be judged, if the key is free and R8 holds.
    mutating func prepareNext(_ key: Key, now: BootInstant) {
        guard mayPrepare else { return }
        while let activity = activities[key], activity.operation == nil, !activity.commits.isEmpty {
            guard let index = activity.commits.firstIndex(where: { isLive($0) == false || canJudge($0.commit) }) else {
                stalled.append(key)
                return
            }
            guard let waiting = activities[key]?.commits.remove(at: index), isLive(waiting) else { continue }
            prepare(waiting, now: now)
        }
        tidy(key)
    }

    /// A commit of a session that is over comes again with the report, if it was never decided.
    func isLive(_ waiting: WaitingCommit) -> Bool {
        owners[waiting.owner.place].session?.number == waiting.session
            && owners[waiting.owner.place].operations[waiting.commit.operation] == nil
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
        var operation = RunningOperation(reference: waiting.reference, commit: commit)
        owners[waiting.owner.place].operations[commit.operation] = OwnerOperation(key: commit.key, kind: commit.kind)
        dropUnadoptedClaims(for: &operation)
        if let holders = current?.holders {
            for holder in holderLists.owners(of: holders) where holder != waiting.owner {
                invalidate(holder, for: &operation, now: now)
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
    mutating func invalidate(_ holder: OwnerID, for operation: inout RunningOperation, now: BootInstant) {
        var awaited = AwaitedConfirmation(key: operation.commit.key, cause: operation.reference)
        awaited.barrier = owners[holder.place].lease.lastGrant
        if let number = sendInvalidation(holder, operation.commit.key, cause: operation.reference) {
            awaited.sent = (session: owners[holder.place].session?.number ?? 0, number: number)
            operation.invalidated.append((owner: holder, session: owners[holder.place].session?.number ?? 0, number: number))
        } else if owners[holder.place].isOut(term: term), deadBy(awaited.barrier) < now {
            return
        }
        #if FLUXON_PLANTING
        if planted == .completeBeforeConfirm { return }
        #endif
        owners[holder.place].awaited.append(awaited)
        operation.awaited.append(holder)
    }

    func deadBy(_ barrier: BootInstant?) -> BootInstant {
        ValidityLease.deadBy(barrier, electedAt: electedAt, timing: timing)
    }

    /// - Returns: The number of the invalidation; nil without a session.
    mutating func sendInvalidation(_ holder: OwnerID, _ key: Key, cause: OperationReference?) -> UInt64? {
        guard let number = owners[holder.place].session?.nextInvalidation else { return nil }
        owners[holder.place].session?.nextInvalidation = number + 1
        send(holder, .invalidate(Invalidation(number: number, key: key, cause: cause)))
        return number
    }

    /// The holder has applied every invalidation of this session up to `number`.
    mutating func confirmed(_ holder: OwnerID, upTo number: UInt64, now: BootInstant) {
        guard let session = owners[holder.place].session?.number else { return }
        while let first = owners[holder.place].awaited.first, let sent = first.sent, sent.session == session, sent.number <= number {
            owners[holder.place].awaited.removeFirst()
            resolve(first, holder, now: now)
        }
    }

    /// A confirmation came, or is no longer needed.
    mutating func resolve(_ confirmation: AwaitedConfirmation, _ holder: OwnerID, now: BootInstant) {
        guard activities[confirmation.key]?.operation?.reference == confirmation.cause else { return }
        if let place = activities[confirmation.key]?.operation?.awaited.firstIndex(of: holder) {
            activities[confirmation.key]?.operation?.awaited.remove(at: place)
        }
        completeIfConfirmed(confirmation.key, now: now)
    }

    /// C5: version order is completion order.
    mutating func completeIfConfirmed(_ key: Key, now: BootInstant) {
        guard var operation = activities[key]?.operation, operation.version == nil, operation.awaited.isEmpty else { return }
        let committer = operation.reference.owner
        let version = nextVersion()
        operation.version = version
        operation.replaced = records[key]?.version
        activities[key]?.operation = operation
        if var record = records[key] { holderLists.removeAll(from: &record.holders) }
        switch operation.commit.kind {
        case .put:
            var record = KeyRecord(version: version, byteCount: operation.commit.byteCount)
            register(committer, key, &record)
            records[key] = record
            removals.remove(key)
        case .remove:
            records[key] = nil
            rememberRemoval(key)
        }
        let number = operation.reference.number
        owners[committer.place].operations[number]?.outcome = .committed(version)
        if observesOperations { note(.operationCompleted(operation.reference, operation.commit, version)) }
        sendDone(committer, number, publishes: true, now: now)
        #if FLUXON_PLANTING
        if planted == .exposeEarly { answerLookups(key, now: now) }
        #endif
        // A committer that is out already is not waited for.
        if owners[committer.place].isOut(term: term) { expose(key, now: now) }
    }

    mutating func nextVersion() -> Version {
        sequence += 1
        return Version(term: term, sequence: sequence)
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
        owners[id.place].untaken.append((operation: number, due: now.advanced(by: confirmationWait)))
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
        guard let running = activities[key]?.operation, running.reference == reference, running.version != nil else { return }
        expose(key, now: now)
    }

    mutating func expose(_ key: Key, now: BootInstant) {
        guard let operation = activities[key]?.operation.take() else { return }
        if observesOperations, let version = operation.version { note(.exposed(operation.reference, key, version)) }
        for told in operation.invalidated where owners[told.owner.place].session?.number == told.session {
            send(told.owner, .settled(told.number...told.number))
        }
        keyIsFree(key, now: now)
    }

    /// C6: the operation's owner died before `done` was sent: it came to nothing.
    mutating func abort(_ key: Key, now: BootInstant) {
        guard let operation = activities[key]?.operation, operation.version == nil else { return }
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
