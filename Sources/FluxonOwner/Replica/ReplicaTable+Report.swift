import FluxonCore

/// How far the report of a new session has come.
///
///     [forgetting: R6, the owner is not believed] ──▶ published copies ──▶ parked ones ──▶ commits ──last page──▶ over
///
/// Copies are walked by their places in the store, a piece in each turn: a list of millions of keys would take a second to make.
struct ReportCursor: Sendable {
    /// Copies are retired, not named.
    var isForgetting = false
    /// The place that is looked at next.
    var place = 0
    /// What was parked when the session began, and since: a copy that is parked before its place is reached is named here.
    var parked: [Key] = []
    var nextParked = 0
    var operations: [UInt64] = []
    var nextOperation = 0

    var isAtEnd: Bool { nextParked == parked.count && nextOperation == operations.count }
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
        report = ReportCursor()
        restartFetches()
        // Before anything below may send one in the new session: it would be sent and counted twice.
        forgetSentLookups()
        if keepsNothing { forgetCommits(now: now) }
        var parked: [Key] = []
        for (key, state) in keys where state.parked != nil {
            state.parked?.invalidation = nil
            parked.append(key)
        }
        parked.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        report = ReportCursor(isForgetting: keepsNothing, parked: parked, operations: inFlight.keys.sorted())
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

    /// R6: this owner is not believed. Its published copies follow in pieces, before anything is reported; it is not valid meanwhile.
    private mutating func forgetCommits(now: BootInstant) {
        let parked = keys.values.filter { $0.parked != nil }.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
        for state in parked {
            releaseParked(state)
            tidy(state)
        }
        endPendingUnknown(now: now)
    }

    /// Whether this turn ended before all was said that the link takes: the next one goes on.
    var hasMoreToReport: Bool {
        guard linkState == .open, session != nil, let report else { return false }
        return report.isForgetting || link.backlog < configuration.reportWindowPages
    }

    /// Pages go out as the link takes them, so that a report of any length needs no more than a few pages of memory, and no turn takes
    /// longer the more there is.
    mutating func continueReport(now: BootInstant) {
        var steps = configuration.turnSteps
        if report?.isForgetting == true { forget(&steps) }
        while steps > 0, let cursor = report, !cursor.isForgetting, link.backlog < configuration.reportWindowPages {
            let entries = nextEntries(&steps)
            let pending = nextCommits()
            let isLast = report?.place == store.placeLimit && report?.isAtEnd == true
            // Places that are all free make no page.
            guard isLast || !entries.isEmpty || !pending.isEmpty else { continue }
            send(.report(ReportPage(entries: entries, pending: pending, isLast: isLast)))
            guard isLast else { continue }
            report = nil
            reportEnded(now: now)
        }
    }

    /// What handling a copy costs, beside a look at a place that is free.
    private static var stepsPerCopy: Int { 8 }

    /// What is published here while this goes on goes with the rest; that it is listed at the master is no harm (M5).
    private mutating func forget(_ steps: inout Int) {
        while steps > 0, let place = report?.place {
            guard place < store.placeLimit else {
                report?.isForgetting = false
                report?.place = 0
                return
            }
            report?.place = place + 1
            steps -= 1
            guard let key = store.publishedKey(in: place), let copy = store.retire(key) else { continue }
            hasRetired = true
            store.release(copy.extent)
            steps -= Self.stepsPerCopy
        }
    }

    private mutating func nextEntries(_ steps: inout Int) -> [ReportEntry] {
        guard var cursor = report else { return [] }
        var entries: [ReportEntry] = []
        while steps > 0, entries.count < configuration.reportPageEntries {
            let key: Key?
            if cursor.place < store.placeLimit {
                key = store.publishedKey(in: cursor.place)
                cursor.place += 1
            } else if cursor.nextParked < cursor.parked.count {
                key = cursor.parked[cursor.nextParked]
                cursor.nextParked += 1
            } else {
                break
            }
            steps -= 1
            guard let key, let entry = reportEntry(key) else { continue }
            entries.append(entry)
            steps -= Self.stepsPerCopy
        }
        report = cursor
        return entries
    }

    /// Behind all copies.
    private mutating func nextCommits() -> [LinkCommit] {
        guard let cursor = report, cursor.place == store.placeLimit, cursor.nextParked == cursor.parked.count else { return [] }
        let page = cursor.operations.dropFirst(cursor.nextOperation).prefix(configuration.reportPageEntries)
        report?.nextOperation += page.count
        return page.compactMap { operation in
            inFlight[operation]?.commit.map { linkCommit(operation, $0.request) }
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
