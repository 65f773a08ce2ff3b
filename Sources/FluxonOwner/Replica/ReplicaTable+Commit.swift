package import FluxonCore

// Commits: C1, C2, C5 on the committer's side, and the answers of T2.
extension ReplicaTable {
    /// Starts a put or remove, answered by `answerCommit` once. The caller's reference on the extent passes to the table. The caller
    /// sees to it that no token comes twice (T1: `ProcessLedger`).
    package mutating func commit(_ request: CommitRequest<Extent>, now: BootInstant) {
        unansweredCommits += 1
        schedule(.commit(request.key, request.token), at: request.deadline)
        let state = state(of: request.key)
        if state.commit == nil, state.queued.isEmpty, mayStartCommits {
            start(request, state)
        } else {
            state.queued.append(request)
            startNextCommit(state)
        }
    }

    private var mayStartCommits: Bool { session != nil && report == nil }

    /// C1: one commit per key in flight.
    mutating func startNextCommit(_ state: ReplicaKeyState<Extent>) {
        guard state.commit == nil, !state.queued.isEmpty else { return }
        guard mayStartCommits else { return unstarted.insert(state.key) }
        start(state.queued.removeFirst(), state)
    }

    /// C2: the own copy is parked first.
    private mutating func start(_ request: CommitRequest<Extent>, _ state: ReplicaKeyState<Extent>) {
        let operation = nextOperation
        nextOperation += 1
        state.commit = PendingCommit(operation: operation, request: request)
        inFlight[operation] = state
        if let copy = store.retire(state.key) {
            hasRetired = true
            let cause = OperationReference(owner: owner, generation: generation, number: operation)
            state.parked = ParkedCopy(copy: copy, cause: cause, invalidation: nil)
        }
        detachFetch(state)
        gateRestingFetch(state)
        send(.commit(linkCommit(operation, request)))
    }

    /// C2: gets whose lookup is not sent yet wait for the outcome, too: what they looked up now would be what the commit replaces.
    private mutating func gateRestingFetch(_ state: ReplicaKeyState<Extent>) {
        #if FLUXON_PLANTING
        if planted.contains(.lookUpBehindCommit) { return }
        #endif
        guard let fetch = state.fetch.take() else { return }
        fetchKeys[fetch.id] = nil
        state.gated += fetch.early + fetch.late
    }

    func linkCommit(_ operation: UInt64, _ request: CommitRequest<Extent>) -> LinkCommit {
        LinkCommit(
            operation: operation, key: request.key, kind: request.value == nil ? .remove : .put,
            byteCount: request.value?.byteCount ?? 0, condition: request.condition)
    }

    mutating func done(_ operation: UInt64, _ outcome: CommitOutcome, publishes: Bool, isExposed: Bool, now: BootInstant) {
        guard let state = inFlight[operation], let commit = state.commit, commit.operation == operation else { return }
        switch outcome {
        case .committed(let version):
            let published = publishes ? version : nil
            // C5: after a lapse somebody may have gone on without this owner; a later grant of this session says no. What others have
            // seen has happened in any case, and the grant waits until it is taken (decision 0017).
            guard isExposed || mayTake(now: now) else {
                state.commit?.kept = KeptOutcome(version: version, published: published)
                awaitingValidity.insert(state.key)
                return
            }
            finish(state, .committed(version), publish: published, now: now)
        case .conditionFailed(let version):
            republishOwn(state, commit)
            finish(state, .conditionFailed(version), publish: nil, now: now)
            if let version {
                dropIfNothing(state.key, version)
            }
        case .unknown:
            finish(state, .failed(.unknownOutcome), publish: nil, now: now)
        }
    }

    private func mayTake(now: BootInstant) -> Bool {
        #if FLUXON_PLANTING
        if planted.contains(.takeWithoutValidity) { return true }
        #endif
        return isValid(now: now)
    }

    /// C2: the operation came to nothing and nobody invalidated meanwhile: the copy that it parked is still the current one.
    private mutating func republishOwn(_ state: ReplicaKeyState<Extent>, _ commit: PendingCommit<Extent>) {
        // Another owner's commit may have the same number, and a new session forgets which invalidation parked the copy.
        let own = OperationReference(owner: owner, generation: generation, number: commit.operation)
        guard let parked = state.parked, parked.invalidation == nil, parked.cause == own, !commit.isInvalidated else { return }
        state.parked = nil
        if !store.publish(state.key, parked.copy) { store.release(parked.copy.extent) }
    }

    /// The outcome is processed: publish, acknowledge, answer, let the waiting gets and the next commit go.
    mutating func finish(
        _ state: ReplicaKeyState<Extent>, _ answer: CommitAnswer, publish version: Version?, now: BootInstant
    ) {
        guard let commit = state.commit.take() else { return }
        inFlight[commit.operation] = nil
        if case .committed = answer { releaseParked(state) }
        send(.taken(operation: commit.operation))
        if let value = commit.request.value {
            publishCommitted(state.key, value, version)
        }
        settle(commit, answer)
        openGate(state, now: now)
        startNextCommit(state)
        tidy(state)
    }

    private mutating func publishCommitted(_ key: Key, _ value: CommitRequest<Extent>.Value, _ version: Version?) {
        guard let version else { return store.release(value.extent) }
        let copy = StoredCopy(extent: value.extent, byteCount: value.byteCount, version: version, flags: value.flags)
        guard !store.publish(key, copy) else { return }
        store.release(value.extent)
        send(.drop(key, version))
    }

    mutating func releaseParked(_ state: ReplicaKeyState<Extent>) {
        guard let parked = state.parked.take() else { return }
        if let number = parked.invalidation { parkedByInvalidation[number] = nil }
        store.release(parked.copy.extent)
    }

    /// Answers, unless the caller was told "unknown" before.
    private mutating func settle(_ commit: PendingCommit<Extent>, _ answer: CommitAnswer) {
        if !commit.isAnswered { self.answer(commit.request.token, answer) }
    }

    private mutating func answer(_ token: OperationToken, _ answer: CommitAnswer) {
        unansweredCommits -= 1
        effects.append(.answerCommit(token, answer))
    }

    /// R6: a master that does not believe this owner has said so; nobody can tell what became of its operations.
    mutating func endPendingUnknown(now: BootInstant) {
        for operation in inFlight.keys.sorted() {
            guard let state = inFlight.removeValue(forKey: operation), let commit = state.commit.take() else { continue }
            if let value = commit.request.value { store.release(value.extent) }
            settle(commit, .failed(.unknownOutcome))
            openGate(state, now: now)
            if !state.queued.isEmpty { unstarted.insert(state.key) }
            tidy(state)
        }
    }

    /// T2: sent means unknown; the operation itself goes on. Not sent means that nothing happened.
    mutating func expireCommit(_ key: Key, _ token: OperationToken, now: BootInstant) {
        guard let state = keys[key] else { return }
        if let commit = state.commit, commit.request.token == token {
            guard !commit.isAnswered else { return }
            state.commit?.isAnswered = true
            answer(token, .failed(.unknownOutcome))
        } else if let index = state.queued.firstIndex(where: { $0.token == token }) {
            let request = state.queued.remove(at: index)
            if let value = request.value { store.release(value.extent) }
            answer(token, .failed(.deadlineExceeded))
            tidy(state)
        }
    }

    /// A grant came: what waited for validity goes on (C5, L4).
    mutating func becameValid(now: BootInstant) {
        for key in awaitingValidity.takeAll() {
            guard let state = keys[key] else { continue }
            if let kept = state.commit?.kept {
                finish(state, .committed(kept.version), publish: kept.published, now: now)
            } else if state.commit == nil {
                openGate(state, now: now)
                tidy(state)
            }
        }
    }
}
