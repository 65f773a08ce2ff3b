package import FluxonCore

// Gets: from the published copy while valid (L4), behind an own commit (C2), or by a lookup (M1, M2).
extension ReplicaTable {
    /// A get, `exists` or `size` that the process could not answer from the pool by itself. Answered by exactly one `answerGet`.
    package mutating func get(_ request: GetRequest, now: BootInstant) {
        waiters[request.waiter] = request
        serve(request, now: now)
        if waiters[request.waiter] != nil { schedule(.waiter(request.waiter), at: request.deadline) }
    }

    /// The caller no longer wants an answer; none follows.
    package mutating func cancel(_ waiter: WaiterID) {
        if let request = waiters.removeValue(forKey: waiter) { left(request.key) }
    }

    /// A get ended without what it waited for. What only ended ones wait for goes with them; the lists are looked through when that can
    /// throw out half of them.
    private mutating func left(_ key: Key) {
        guard let state = keys[key] else { return }
        state.endedWaiters += 1
        guard state.endedWaiters * 2 >= state.waiterCount else { return }
        state.keepWaiters { waiters[$0] != nil }
        if let fetch = state.fetch, fetch.stage == .resting, fetch.early.isEmpty, fetch.late.isEmpty {
            state.fetch = nil
            fetchKeys[fetch.id] = nil
        }
        for lookup in state.metadata where !lookup.isSent && lookup.waiters.isEmpty { fetchKeys[lookup.id] = nil }
        state.metadata.removeAll { !$0.isSent && $0.waiters.isEmpty }
        tidy(state)
    }

    /// One attempt to answer, or to queue behind what will.
    mutating func serve(_ request: GetRequest, now: BootInstant) {
        let key = request.key
        if request.consistency == .local {
            serveLocally(request)
        } else if keys[key]?.commit != nil {
            state(of: key).gated.append(request.waiter)
        } else if let copy = store.find(key) {
            guard isValid(now: now) else {
                state(of: key).gated.append(request.waiter)
                awaitingValidity.insert(key)
                return
            }
            answer(request, copy, isPublished: true)
        } else if request.wants == .metadata {
            lookUpMetadata(request)
        } else {
            joinOrLookUp(request.waiter, key, now: now)
        }
    }

    /// Whatever copy there is, current or not, and nothing that would have to be waited for: no copy is an answer too.
    private mutating func serveLocally(_ request: GetRequest) {
        if let copy = store.find(request.key) {
            answer(request, copy, isPublished: true)
        } else if let parked = keys[request.key]?.parked {
            answer(request, parked.copy, isPublished: false)
        } else {
            answer(request.waiter, .absent)
        }
    }

    private mutating func answer(_ request: GetRequest, _ copy: StoredCopy<Extent>, isPublished: Bool) {
        switch request.wants {
        case .value: answer(request.waiter, copy, isPublished: isPublished)
        case .metadata: answer(request.waiter, .metadata(copy.version, byteCount: copy.byteCount))
        }
    }

    private mutating func joinOrLookUp(_ waiter: WaiterID, _ key: Key, now: BootInstant) {
        let state = state(of: key)
        #if FLUXON_PLANTING
        if planted.contains(.joinDetachedFetch), let last = state.detached.indices.last {
            state.detached[last].early.append(waiter)
            return
        }
        #endif
        if var fetch = state.fetch {
            if fetch.stage == .resting {
                fetch.early.append(waiter)
                state.fetch = fetch
                return
            }
            if isValid(now: now) {
                fetch.late.append(waiter)
                state.fetch = fetch
                return
            }
            // M2: without validity an invalidation may be on its way; only a lookup sent after this get began can serve it.
            state.detached.append(fetch)
        }
        var fetch = newFetch(key, early: [waiter])
        // Each get would send one of its own while validity is away: those that come later share one, sent when one of these is answered.
        if state.detached.count(where: { $0.stage == .asked }) < Limits.lookupsOfKey { ask(&fetch, key) }
        state.fetch = fetch
    }

    /// Metadata registers nothing, so its answer serves only who asked before it was sent.
    private mutating func lookUpMetadata(_ request: GetRequest) {
        let state = state(of: request.key)
        if let resting = state.metadata.firstIndex(where: { !$0.isSent }) {
            state.metadata[resting].waiters.append(request.waiter)
            return
        }
        let id = newFetchID(request.key)
        let isSent = state.metadata.count < Limits.lookupsOfKey && sendLookup(id, request.key, wants: .metadata)
        state.metadata.append(MetadataLookup(id: id, isSent: isSent, waiters: [request.waiter]))
    }

    /// Serves a list of gets anew; those that ended meanwhile are left out.
    mutating func serveAgain(_ list: [WaiterID], now: BootInstant) {
        for waiter in list {
            guard let request = waiters[waiter] else { continue }
            serve(request, now: now)
        }
    }

    /// Gets behind a commit or behind validity, once that is over.
    mutating func openGate(_ state: ReplicaKeyState<Extent>, now: BootInstant) {
        guard !state.gated.isEmpty else { return }
        let list = state.gated
        state.gated = []
        serveAgain(list, now: now)
    }

    /// Answers with one new reference on the extent.
    mutating func answer(_ waiter: WaiterID, _ copy: StoredCopy<Extent>, isPublished: Bool) {
        guard waiters.removeValue(forKey: waiter) != nil else { return }
        store.retain(copy.extent)
        effects.append(.answerGet(waiter, .value(copy, isPublished: isPublished)))
    }

    mutating func answer(_ waiter: WaiterID, _ answer: GetAnswer<Extent>) {
        guard waiters.removeValue(forKey: waiter) != nil else { return }
        effects.append(.answerGet(waiter, answer))
    }

    /// A deadline passed: why there is no answer.
    mutating func expire(_ waiter: WaiterID, now: BootInstant) {
        guard let request = waiters[waiter] else { return }
        let state = keys[request.key]
        let code: FluxonError.Code
        if !isValid(now: now) {
            code = .notCurrent
        } else if state?.commit != nil {
            code = .deadlineExceeded
        } else if case .transferring = state?.fetch?.stage {
            code = .deadlineExceeded
        } else {
            code = .unavailable
        }
        answer(waiter, .failed(code))
        left(request.key)
    }
}
