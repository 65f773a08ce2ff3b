package import FluxonCore

// Commits: C1, C2, C5 on the committer's side, and the answers of T1 and T2.
extension ReplicaTable {
    /// Starts a put or remove, answered by `answerCommit`.
    ///
    /// - Returns: False for a token that is known: it runs or has an answer, which is repeated. The caller's reference on the extent
    ///   then stays with the caller; else it passes to the table.
    package mutating func commit(_ request: CommitRequest<Extent>, now: BootInstant) -> Bool {
        if let outcome = outcomes[request.token] {
            effects.append(.answerCommit(request.token, outcome))
            return false
        }
        guard runningTokens.insert(request.token).inserted else { return false }
        keys[request.key, default: .init()].queued.append(QueuedCommit(request: request))
        startNextCommit(request.key, now: now)
        schedule(.commit(request.key, request.token), at: request.deadline)
        return true
    }

    /// The process has the answer: it will not be asked for again (T1).
    package mutating func acknowledge(_ token: OperationToken) {
        outcomes[token] = nil
    }

    /// C1: one commit per key in flight. C2: the own copy is parked first.
    mutating func startNextCommit(_ key: Key, now: BootInstant) {
        guard var state = keys[key], state.commit == nil, !state.queued.isEmpty else { return }
        guard session != nil, report == nil else {
            unstarted.append(key)
            return
        }
        let request = state.queued.removeFirst().request
        let operation = nextOperation
        nextOperation += 1
        state.commit = PendingCommit(operation: operation, request: request)
        inFlight[operation] = key
        if let copy = store.retire(key) {
            hasRetired = true
            let cause = OperationReference(owner: owner, generation: generation, number: operation)
            state.parked = ParkedCopy(copy: copy, cause: cause, invalidation: nil)
        }
        keys[key] = state
        detachFetch(key)
        send(.commit(linkCommit(operation, request)))
    }

    func linkCommit(_ operation: UInt64, _ request: CommitRequest<Extent>) -> LinkCommit {
        LinkCommit(
            operation: operation, key: request.key, kind: request.value == nil ? .remove : .put,
            byteCount: request.value?.byteCount ?? 0, condition: request.condition)
    }

    mutating func done(_ operation: UInt64, _ outcome: CommitOutcome, publishes: Bool, now: BootInstant) {
        guard let key = inFlight[operation], let commit = keys[key]?.commit, commit.operation == operation else { return }
        switch outcome {
        case .committed(let version):
            guard publishes else { return finish(key, .committed(version), publish: nil, now: now) }
            guard isValid(now: now) || planted == .takeWithoutValidity else {
                // C5: after a lapse somebody may have gone on without this owner; a later grant of this session says no.
                keys[key]?.commit?.kept = version
                awaitingValidity.append(key)
                return
            }
            finish(key, .committed(version), publish: version, now: now)
        case .conditionFailed(let version):
            republishOwn(key, commit)
            finish(key, .conditionFailed(version), publish: nil, now: now)
            if let version {
                dropIfNothing(key, version)
            }
        case .unknown:
            finish(key, .failed(.unknownOutcome), publish: nil, now: now)
        }
    }

    /// C2: the operation came to nothing and nobody invalidated meanwhile: the copy that it parked is still the current one.
    private mutating func republishOwn(_ key: Key, _ commit: PendingCommit<Extent>) {
        guard let parked = keys[key]?.parked, parked.invalidation == nil, parked.cause.number == commit.operation, !commit.isInvalidated
        else { return }
        keys[key]?.parked = nil
        if !store.publish(key, parked.copy) { store.release(parked.copy.extent) }
    }

    /// The outcome is processed: publish, acknowledge, answer, let the waiting gets and the next commit go.
    mutating func finish(_ key: Key, _ answer: CommitAnswer, publish version: Version?, now: BootInstant) {
        guard let commit = keys[key]?.commit else { return }
        keys[key]?.commit = nil
        inFlight[commit.operation] = nil
        if case .committed = answer { releaseParked(key) }
        send(.taken(operation: commit.operation))
        if let value = commit.request.value {
            publishCommitted(key, value, version)
        }
        settle(commit, answer)
        openGate(key, now: now)
        startNextCommit(key, now: now)
        tidy(key)
    }

    private mutating func publishCommitted(_ key: Key, _ value: CommitRequest<Extent>.Value, _ version: Version?) {
        guard let version else { return store.release(value.extent) }
        let copy = StoredCopy(extent: value.extent, byteCount: value.byteCount, version: version, flags: value.flags)
        guard !store.publish(key, copy) else { return }
        store.release(value.extent)
        send(.drop(key, version))
    }

    mutating func releaseParked(_ key: Key) {
        guard let parked = keys[key]?.parked else { return }
        if let number = parked.invalidation { parkedByInvalidation[number] = nil }
        keys[key]?.parked = nil
        store.release(parked.copy.extent)
    }

    /// Remembers the outcome for a retry and answers, unless the caller was told "unknown" before.
    private mutating func settle(_ commit: PendingCommit<Extent>, _ answer: CommitAnswer) {
        runningTokens.remove(commit.request.token)
        outcomes[commit.request.token] = answer
        if !commit.isAnswered { effects.append(.answerCommit(commit.request.token, answer)) }
    }

    /// R6: a master that does not believe this owner has said so; nobody can tell what became of its operations.
    mutating func endPendingUnknown(now: BootInstant) {
        for operation in inFlight.keys.sorted() {
            guard let key = inFlight[operation], let commit = keys[key]?.commit else { continue }
            keys[key]?.commit = nil
            inFlight[operation] = nil
            if let value = commit.request.value { store.release(value.extent) }
            settle(commit, .failed(.unknownOutcome))
            openGate(key, now: now)
            if keys[key]?.queued.isEmpty == false { unstarted.append(key) }
            tidy(key)
        }
    }

    /// T2: sent means unknown; the operation itself goes on. Not sent means that nothing happened.
    mutating func expireCommit(_ key: Key, _ token: OperationToken, now: BootInstant) {
        guard var state = keys[key] else { return }
        if let commit = state.commit, commit.request.token == token {
            guard !commit.isAnswered else { return }
            state.commit?.isAnswered = true
            keys[key] = state
            effects.append(.answerCommit(token, .failed(.unknownOutcome)))
        } else if let index = state.queued.firstIndex(where: { $0.request.token == token }) {
            let request = state.queued.remove(at: index).request
            keys[key] = state
            if let value = request.value { store.release(value.extent) }
            runningTokens.remove(token)
            effects.append(.answerCommit(token, .failed(.deadlineExceeded)))
            tidy(key)
        }
    }

    /// A grant came: what waited for validity goes on (C5, L4).
    mutating func becameValid(now: BootInstant) {
        let list = awaitingValidity
        awaitingValidity = []
        for key in list {
            if let version = keys[key]?.commit?.kept {
                finish(key, .committed(version), publish: version, now: now)
            } else if keys[key]?.commit == nil {
                openGate(key, now: now)
                tidy(key)
            }
        }
    }
}
