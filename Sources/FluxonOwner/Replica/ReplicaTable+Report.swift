import FluxonCore

/// How far the report of a new session has come.
struct ReportCursor: Sendable {
    var keys: [Key]
    var next = 0
    var operations: [UInt64]
}

// A new session: everything of the old one is void; this owner says what it has (R3, R5, R6).
extension ReplicaTable {
    mutating func beginReport(keepsNothing: Bool, now: BootInstant) {
        unconfirmed = nil
        parkedByInvalidation = [:]
        for operation in inFlight.keys.sorted() {
            inFlight[operation]?.commit?.kept = nil
        }
        // Set before anything below may start a commit: commits wait until the report is out.
        report = ReportCursor(keys: [], operations: [])
        restartFetches()
        // Before anything below may send one in the new session: it would be sent and counted twice.
        forgetSentLookups()
        if keepsNothing { forgetEverything(now: now) }
        var parked: [Key] = []
        for (key, state) in keys where state.parked != nil {
            state.parked?.invalidation = nil
            parked.append(key)
        }
        parked.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        report = ReportCursor(keys: store.publishedKeys + parked, operations: inFlight.keys.sorted())
        wakeAll()
    }

    /// R5: running fetches are detached; those that never got an answer ask again, for their lookup went to a session that is over.
    private mutating func restartFetches() {
        var restarted: [Key: [WaiterID]] = [:]
        var order: [Key] = []
        for id in fetchKeys.keys.sorted() {
            guard let key = fetchKeys[id], let state = keys[key] else { continue }
            if let fetch = state.fetch, fetch.id == id, fetch.stage != .resting {
                state.fetch = nil
                state.detached.append(fetch)
            }
            if let index = state.detached.firstIndex(where: { $0.id == id && $0.stage == .asked }) {
                let fetch = state.detached.remove(at: index)
                fetchKeys[id] = nil
                if restarted[key] == nil { order.append(key) }
                restarted[key, default: []] += fetch.early + fetch.late
            }
        }
        for key in order {
            let list = (restarted[key] ?? []).filter { waiters[$0] != nil }
            guard !list.isEmpty else {
                tidy(key)
                continue
            }
            if keys[key]?.fetch != nil {
                keys[key]?.fetch?.early += list
            } else if keys[key]?.commit != nil {
                keys[key]?.gated += list
            } else {
                let fetch = newFetch(key, early: list)
                keys[key]?.fetch = fetch
            }
        }
    }

    /// What asked for metadata in the session before is to be sent again.
    private mutating func forgetSentLookups() {
        lookupsSent = 0
        for id in fetchKeys.keys.sorted() {
            guard let key = fetchKeys[id], let state = keys[key] else { continue }
            if let index = state.metadata.firstIndex(where: { $0.id == id }) { state.metadata[index].isSent = false }
        }
    }

    /// R6: this owner is not believed.
    private mutating func forgetEverything(now: BootInstant) {
        for key in store.publishedKeys {
            guard let copy = store.retire(key) else { continue }
            hasRetired = true
            store.release(copy.extent)
        }
        let parked = keys.values.filter { $0.parked != nil }.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
        for state in parked {
            releaseParked(state)
            tidy(state)
        }
        endPendingUnknown(now: now)
    }

    /// Pages go out as the link takes them, so that a report of any length needs no more than a few pages of memory.
    mutating func continueReport(now: BootInstant) {
        let page = configuration.reportPageEntries
        while var cursor = report, link.backlog < configuration.reportWindowPages {
            var entries: [ReportEntry] = []
            while cursor.next < cursor.keys.count, entries.count < page {
                if let entry = reportEntry(cursor.keys[cursor.next]) { entries.append(entry) }
                cursor.next += 1
            }
            var pending: [LinkCommit] = []
            if cursor.next == cursor.keys.count {
                for operation in cursor.operations.prefix(page) {
                    guard let commit = inFlight[operation]?.commit else { continue }
                    pending.append(linkCommit(operation, commit.request))
                }
                cursor.operations.removeFirst(min(cursor.operations.count, page))
            }
            let isLast = cursor.next == cursor.keys.count && cursor.operations.isEmpty
            send(.report(ReportPage(entries: entries, pending: pending, isLast: isLast)))
            report = isLast ? nil : cursor
            if isLast { reportEnded(now: now) }
        }
    }

    private func reportEntry(_ key: Key) -> ReportEntry? {
        if let copy = store.find(key) {
            return ReportEntry(key: key, version: copy.version, byteCount: copy.byteCount, parkedBy: nil)
        }
        guard let parked = keys[key]?.parked else { return nil }
        return ReportEntry(key: key, version: parked.copy.version, byteCount: parked.copy.byteCount, parkedBy: parked.cause)
    }

    private mutating func reportEnded(now: BootInstant) {
        isHeartbeatDue = true
        nextHeartbeat = now.advanced(by: configuration.timing.renewalInterval)
        for key in unstarted.takeAll() { if let state = keys[key] { startNextCommit(state) } }
    }
}
