import DequeModule
package import FluxonCore

// Misses: lookup, transfer, publication or detachment, `drop` (M1–M4, R10).
extension ReplicaTable {
    mutating func newFetchID(_ key: Key) -> FetchID {
        let id = FetchID(nextFetch)
        nextFetch += 1
        fetchKeys[id] = key
        return id
    }

    mutating func newFetch(_ key: Key, early: [WaiterID]) -> ReplicaFetch {
        ReplicaFetch(id: newFetchID(key), stage: .resting, early: early)
    }

    /// Sends the lookup if that can be answered; else the fetch rests until it can.
    mutating func ask(_ fetch: inout ReplicaFetch, _ key: Key) {
        if sendLookup(fetch.id, key, wants: .copy) { fetch.stage = .asked }
    }

    /// - Returns: False: there is no link that it could go over now, or as many are out as may be. `wake` tries again.
    mutating func sendLookup(_ id: FetchID, _ key: Key, wants: LinkLookup.Wants) -> Bool {
        guard session != nil, linkState == .open else { return false }
        guard lookupsSent < Limits.lookups else {
            if heldLookups.count > 2 * fetchKeys.count + 64 { heldLookups.removeAll { fetchKeys[$0] == nil } }
            heldLookups.append(id)
            return false
        }
        lookupsSent += 1
        send(.lookup(LinkLookup(lookup: id.number, key: key, wants: wants)))
        return true
    }

    mutating func found(_ answer: LookupAnswer, now: BootInstant) {
        let id = FetchID(answer.lookup)
        guard let key = fetchKeys[id], let state = keys[key] else { return }
        if let index = state.metadata.firstIndex(where: { $0.id == id && $0.isSent }) {
            let lookup = state.metadata.remove(at: index)
            fetchKeys[id] = nil
            lookupsSent -= 1
            answerMetadata(lookup, answer.content)
        } else if let fetch = state.fetch, fetch.id == id, fetch.stage == .asked {
            state.fetch = nil
            lookupsSent -= 1
            foundAttached(fetch, key, answer.content, now: now)
        } else if let index = state.detached.firstIndex(where: { $0.id == id && $0.stage == .asked }) {
            let fetch = state.detached.remove(at: index)
            lookupsSent -= 1
            foundDetached(fetch, key, answer.content, now: now)
        }
        wakeShared(key)
        while lookupsSent < Limits.lookups, let held = heldLookups.popFirst() { wake(held) }
        tidy(key)
    }

    /// One lookup of the key is answered: the one that later gets share may go.
    private mutating func wakeShared(_ key: Key) {
        guard let state = keys[key] else { return }
        // One that pauses has its own time.
        if let fetch = state.fetch, fetch.stage == .resting, fetch.attempts < 2 { wake(fetch.id) }
        if let lookup = state.metadata.first(where: { !$0.isSent }) { wake(lookup.id) }
    }

    private mutating func answerMetadata(_ lookup: MetadataLookup, _ content: LookupAnswer.Content) {
        for waiter in lookup.waiters {
            switch content {
            case .absent: answer(waiter, .absent)
            case .metadata(let version, let byteCount): answer(waiter, .metadata(version, byteCount: byteCount))
            case .copy(let copy): answer(waiter, .metadata(copy.version, byteCount: copy.byteCount))
            }
        }
    }

    private mutating func foundAttached(_ fetch: ReplicaFetch, _ key: Key, _ content: LookupAnswer.Content, now: BootInstant) {
        switch content {
        case .absent, .metadata:
            fetchKeys[fetch.id] = nil
            for waiter in fetch.early { answer(waiter, .absent) }
            serveAgain(fetch.late, now: now)
        case .copy(let copy) where copy.isRegistered:
            guard store.find(key) == nil else {
                // A parked copy was restored while the lookup was under way: it is the registered one.
                fetchKeys[fetch.id] = nil
                serveAgain(fetch.early + fetch.late, now: now)
                return
            }
            var fetch = fetch
            fetch.stage = .transferring(copy.version, isRegistered: true)
            guard !copy.holders.isEmpty, hasWaiters(fetch) else {
                fetchKeys[fetch.id] = nil
                dropIfNothing(key, copy.version)
                retry(fetch, key, now: now)
                return
            }
            state(of: key).fetch = fetch
            startFetch(fetch.id, key, copy)
        case .copy(let copy):
            // M3: for one use. It serves who asked before the lookup was sent and is never published.
            let late = fetch.late
            var fetch = fetch
            fetch.late = []
            fetch.stage = .transferring(copy.version, isRegistered: false)
            startDetached(fetch, key, copy, now: now)
            serveAgain(late, now: now)
        }
    }

    private mutating func foundDetached(_ fetch: ReplicaFetch, _ key: Key, _ content: LookupAnswer.Content, now: BootInstant) {
        switch content {
        case .absent, .metadata:
            fetchKeys[fetch.id] = nil
            for waiter in fetch.early { answer(waiter, .absent) }
            serveAgain(fetch.late, now: now)
        case .copy(let copy):
            var fetch = fetch
            let late = copy.isRegistered ? [] : fetch.late
            if !copy.isRegistered { fetch.late = [] }
            fetch.stage = .transferring(copy.version, isRegistered: copy.isRegistered)
            startDetached(fetch, key, copy, now: now)
            serveAgain(late, now: now)
        }
    }

    private mutating func startDetached(_ fetch: ReplicaFetch, _ key: Key, _ copy: FoundCopy, now: BootInstant) {
        guard !copy.holders.isEmpty, hasWaiters(fetch) else {
            fetchKeys[fetch.id] = nil
            if copy.isRegistered { dropIfNothing(key, copy.version) }
            retry(fetch, key, now: now)
            return
        }
        state(of: key).detached.append(fetch)
        startFetch(fetch.id, key, copy)
    }

    private mutating func startFetch(_ id: FetchID, _ key: Key, _ copy: FoundCopy) {
        effects.append(
            .startFetch(
                FetchRequest(
                    fetch: id, key: key, version: copy.version, byteCount: copy.byteCount, holders: copy.holders, relays: copy.relays)))
    }

    private func hasWaiters(_ fetch: ReplicaFetch) -> Bool {
        fetch.early.contains { waiters[$0] != nil } || fetch.late.contains { waiters[$0] != nil }
    }

    /// A transfer ended. The bytes are published if the fetch is still attached; else they go to those who joined before.
    package mutating func fetched(_ id: FetchID, _ request: FetchRequest, _ result: FetchResult<Extent>, now: BootInstant) {
        guard let key = fetchKeys.removeValue(forKey: id), let state = keys[key] else {
            if case .arrived(let extent, _) = result { store.release(extent) }
            return
        }
        var attached: ReplicaFetch?
        var ended: ReplicaFetch?
        if let fetch = state.fetch, fetch.id == id {
            attached = fetch
            state.fetch = nil
        } else if let index = state.detached.firstIndex(where: { $0.id == id }) {
            ended = state.detached.remove(at: index)
        }
        let isRegistered: Bool
        if case .transferring(_, true) = (attached ?? ended)?.stage { isRegistered = true } else { isRegistered = false }
        if let fetch = attached ?? ended {
            switch result {
            case .arrived(let extent, let flags):
                let copy = StoredCopy(extent: extent, byteCount: request.byteCount, version: request.version, flags: flags)
                let isPublished = attached != nil && store.find(key) == nil && store.publish(key, copy)
                for waiter in fetch.early + fetch.late { answer(waiter, copy, isPublished: isPublished) }
                if isPublished {
                    // What the master shows has overtaken what was parked here: no term brings that back.
                    if let parked = state.parked, parked.copy.version <= request.version { releaseParked(state) }
                } else {
                    store.release(extent)
                    if isRegistered { dropIfNothing(key, request.version) }
                }
            case .failed:
                if isRegistered { dropIfNothing(key, request.version) }
                retry(fetch, key, now: now)
            case .noRoom:
                if isRegistered { dropIfNothing(key, request.version) }
                for waiter in fetch.early + fetch.late { answer(waiter, .failed(.poolExhausted)) }
            }
        }
        tidy(key)
    }

    /// Between lookups whose holders had nothing; without chance, for these are rules.
    private static var rests: Backoff { Backoff(first: .milliseconds(2), longest: .milliseconds(100), spread: 0) }

    /// Looks up again for the gets that still wait: the holders that were named had nothing.
    private mutating func retry(_ fetch: ReplicaFetch, _ key: Key, now: BootInstant) {
        let list = (fetch.early + fetch.late).filter { waiters[$0] != nil }
        guard !list.isEmpty else { return }
        guard keys[key]?.fetch == nil, keys[key]?.commit == nil, store.find(key) == nil else {
            serveAgain(list, now: now)
            return
        }
        var next = newFetch(key, early: list)
        next.attempts = fetch.attempts + 1
        if next.attempts == 1 {
            ask(&next, key)
        } else {
            schedule(.rest(next.id), at: now.advanced(by: Self.rests.pause(after: next.attempts)))
        }
        state(of: key).fetch = next
    }

    /// A pause is over, the link is there, or others were answered.
    mutating func wake(_ id: FetchID) {
        guard let key = fetchKeys[id], let state = keys[key] else { return }
        if var fetch = state.fetch, fetch.id == id, fetch.stage == .resting {
            ask(&fetch, key)
            state.fetch = fetch
        } else if let index = state.metadata.firstIndex(where: { $0.id == id && !$0.isSent }) {
            state.metadata[index].isSent = sendLookup(id, key, wants: .metadata)
        }
    }

    /// The link carries lookups again.
    mutating func wakeAll() {
        heldLookups = []
        for id in fetchKeys.keys.sorted() { wake(id) }
    }

    /// M1: deregisters only an owner that has nothing of the key and expects nothing.
    mutating func dropIfNothing(_ key: Key, _ version: Version) {
        guard session != nil, store.find(key) == nil else { return }
        if let state = keys[key], state.parked != nil || state.fetch != nil || state.commit != nil { return }
        send(.drop(key, version))
    }

    /// M2: from now on nobody joins; who joined before still gets the bytes.
    mutating func detachFetch(_ state: ReplicaKeyState<Extent>) {
        guard let fetch = state.fetch, fetch.stage != .resting else { return }
        state.fetch = nil
        state.detached.append(fetch)
    }

    /// M4: takes the copy of a key out of service to make room.
    ///
    /// - Returns: False when the key has no published copy here.
    package mutating func evict(_ key: Key) -> Bool {
        guard let copy = store.retire(key) else { return false }
        hasRetired = true
        store.release(copy.extent)
        // A fetch that was attached before a restore goes on under the same registration (M1).
        dropIfNothing(key, copy.version)
        return true
    }

    /// Another owner asks for the bytes of exactly (key, version). Validity is the asker's matter: its registration decides.
    package mutating func source(_ key: Key, _ version: Version) -> SourceAnswer<Extent> {
        let state = keys[key]
        if let copy = store.find(key) ?? state?.parked?.copy, copy.version == version {
            store.retain(copy.extent)
            return .copy(copy)
        }
        if state?.fetch != nil || state?.commit != nil { return .notYet }
        // R10: listed without having anything; the master learns it.
        dropIfNothing(key, version)
        return .gone
    }
}
