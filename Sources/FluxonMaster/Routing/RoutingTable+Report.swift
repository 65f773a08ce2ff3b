import FluxonCore

// What owners bring into a session: reports of a new term (R5–R7, R9) and of the same one (R3).
extension RoutingTable {
    mutating func report(_ id: OwnerID, _ page: ReportPage, now: BootInstant) {
        guard owners[id.place].session?.isActive == false else { return endSession(id, now: now) }
        // R5: the owner obeys no older grant since it adopted this session; its lease counts from here.
        owners[id.place].lease.granted(receipt: now)
        for entry in page.entries {
            if isOfTheFuture(entry.version) {
                note(.anomaly("\(entry.key): \(id) reports version \(entry.version), which nobody has given"))
                drop(id, entry)
            } else if entry.parkedBy == nil {
                reportLive(id, entry, now: now)
            } else {
                reportParked(id, entry, now: now)
            }
        }
        for commit in page.pending {
            reportedPending.insert(owners[id.place].name(commit.operation))
            owners[id.place].pending.append(commit)
        }
        if page.isLast { reportEnded(id, now: now) }
    }

    /// Stores the record with another holder, whom no sweep takes out of it again: neither one that runs nor the one at the end of the
    /// holder's own repeated report. (In its first report nothing can be missed: this term lists nothing at it that it did not name.)
    mutating func register(_ id: OwnerID, _ key: Key, _ record: KeyRecord) {
        var record = record
        holderLists.insert(id, into: &record.holders)
        let entry = records.set(key, record)
        if owners[id.place].hasReported, owners[id.place].session?.isActive == false { owners[id.place].seen.insert(entry) }
        if owners[id.place].sweep != nil { owners[id.place].sweep?.kept.insert(entry) }
    }

    /// Nobody can have a version that this master has not given yet: taken for true, it would be given to other bytes later (I1).
    private func isOfTheFuture(_ version: Version) -> Bool { version > Version(term: term, sequence: sequence) }

    private mutating func reportLive(_ id: OwnerID, _ entry: ReportEntry, now: BootInstant) {
        guard let record = records[entry.key] else {
            // R3, R7: of a key that this term knows nothing about; else it was removed or is being written.
            let isNews =
                !owners[id.place].hasReported && !removals.contains(entry.key) && activities[entry.key]?.operation == nil && !isComplete
            guard isNews else { return drop(id, entry) }
            register(id, entry.key, KeyRecord(version: entry.version, byteCount: entry.byteCount))
            judgeClaims(entry.key, now: now)
            answerLookups(entry.key, now: now)
            // A condition may have waited to know whether the key exists.
            return wake(entry.key)
        }
        guard record.version == entry.version else {
            if !isOpen, !owners[id.place].hasReported {
                note(.anomaly("\(entry.key): live in \(record.version) and, at \(id), in \(entry.version)"))
            }
            return drop(id, entry)
        }
        register(id, entry.key, record)
        invalidateIfPrepared(id, entry.key, now: now)
        answerLookups(entry.key, now: now)
    }

    private mutating func reportParked(_ id: OwnerID, _ entry: ReportEntry, now: BootInstant) {
        let running = activities[entry.key]?.operation
        guard let record = records[entry.key] else {
            guard let cause = entry.parkedBy, !removals.contains(entry.key), running == nil, !isComplete else { return drop(id, entry) }
            return claim(id, entry, cause, now: now)
        }
        guard record.version == entry.version, let cause = entry.parkedBy else { return drop(id, entry) }
        var isJudgedLater = !owners[id.place].hasReported && running == nil
        #if FLUXON_PLANTING
        if planted.contains(.claimUnderPrepared) { isJudgedLater = !owners[id.place].hasReported }
        #endif
        guard !isJudgedLater else { return claim(id, entry, cause, now: now) }
        // R3, and a first report behind R8: what is prepared was prepared over this very version, and waits for this owner, too.
        register(id, entry.key, record)
        if running == nil {
            send(id, .restore(entry.key, entry.version))
            wake(entry.key)
        } else {
            invalidateIfPrepared(id, entry.key, now: now)
        }
    }

    /// The copy is not current, or nobody can tell that it is. What a completed operation replaced stays parked until that one is
    /// exposed: a master that dies before leaves the operation to be decided anew, over this version (decision 0017).
    private mutating func drop(_ id: OwnerID, _ entry: ReportEntry) {
        guard let running = activities[entry.key]?.operation, !running.isPrepared, running.replaced == entry.version,
            keepsReplaced, let reference = running.reference, reference.owner != id || entry.parkedBy != nil
        else {
            _ = sendInvalidation(id, entry.key, upTo: entry.version, cause: nil)
            return
        }
        if reference.owner == id {
            // Behind its own commit that only names the cause, in case that another operation parked the copy and came to nothing.
            if entry.parkedBy != reference { send(id, .restore(entry.key, entry.version)) }
        } else if let number = sendInvalidation(id, entry.key, upTo: entry.version, cause: reference),
            let session = owners[id.place].session?.number
        {
            activities[entry.key]?.operation?.invalidated.append((owner: id, session: session, number: number))
        }
    }

    private var keepsReplaced: Bool {
        #if FLUXON_PLANTING
        if planted.contains(.dropReplaced) { return false }
        #endif
        return true
    }

    /// R3: a copy that comes back while an operation is prepared is invalidated in the new session before the operation completes.
    private mutating func invalidateIfPrepared(_ id: OwnerID, _ key: Key, again: Bool = false, now: BootInstant) {
        guard var operation = activities[key]?.operation, operation.isPrepared, operation.reference?.owner != id,
            let session = owners[id.place].session?.number, let version = records[key]?.version,
            again || !operation.invalidated.contains(where: { $0.owner == id && $0.session == session })
        else { return }
        invalidate(id, upTo: version, for: &operation, now: now)
        activities[key]?.operation = operation
    }

    private mutating func reportEnded(_ id: OwnerID, now: BootInstant) {
        owners[id.place].session?.isActive = true
        let pending = owners[id.place].pending
        let named = Set(pending.map(\.operation))
        // What the owner no longer waits for it has taken.
        for number in owners[id.place].operations.keys.sorted() where !named.contains(number) {
            guard let operation = owners[id.place].operations.removeValue(forKey: number),
                activities[operation.key]?.operation?.reference == owners[id.place].name(number)
            else { continue }
            // One that is only prepared a correct owner names: what this one does not ask for comes to nothing.
            if operation.outcome == nil { abort(operation.key, now: now) } else { expose(operation.key, now: now) }
        }
        if owners[id.place].hasReported { removeUnreported(id) }
        owners[id.place].hasReported = true
        owners[id.place].mustReportAgain = false
        owners[id.place].isTrusted = true
        owners[id.place].seen = EntrySet()
        owners[id.place].pending = []
        forgetClaims(of: id, except: owners[id.place].session?.number)
        for commit in pending where !replay(id, commit, now: now) {
            let reference = owners[id.place].name(commit.operation)
            guard let session = owners[id.place].session?.number else { continue }
            let waiting = WaitingCommit(owner: id, session: session, reference: reference, commit: commit)
            activities[commit.key, default: .init()].commits.append(waiting)
        }
        judgeAllClaims(now: now)
        let told = owners[id.place].session?.link.lastEnqueued ?? 0
        owners[id.place].session?.returnsAfter = told
        returnIfProcessed(id)
        for commit in pending { prepareNext(commit.key, now: now) }
        checkProgress(now: now)
        stalled.wake(.holder(id))
    }

    /// R6 believes who is `in`: that may stand in the roster only once this owner has processed everything that the resync told it.
    /// A master that died before would leave an owner that is trusted with a copy which others have overwritten, or with an operation
    /// whose effect others have seen (decision 0017).
    mutating func returnIfProcessed(_ id: OwnerID) {
        guard owners[id.place].desired.state != .in, let session = owners[id.place].session, session.isActive else { return }
        var isProcessed = session.link.acknowledged >= session.returnsAfter
        #if FLUXON_PLANTING
        if planted.contains(.returnEarly) { isProcessed = true }
        #endif
        guard isProcessed else { return }
        owners[id.place].desired.state = .in
        write(id)
    }

    /// R3: what the table lists at this owner and the owner did not name is gone. The bytes of a commit that it still has to take are
    /// there without being named.
    private mutating func removeUnreported(_ id: OwnerID) {
        var seen = owners[id.place].seen
        for commit in owners[id.place].pending {
            guard case .committed(let version)? = owners[id.place].operations[commit.operation]?.outcome else { continue }
            if records[commit.key]?.version == version, let entry = records.number(of: commit.key) { seen.insert(entry) }
        }
        beginSweep(id, .evicted, keeping: seen)
    }

    /// R3: a stored outcome is told again; the version is published only if it is still the key's.
    ///
    /// - Returns: False for an operation that was never decided.
    private mutating func replay(_ id: OwnerID, _ commit: LinkCommit, now: BootInstant) -> Bool {
        guard let operation = owners[id.place].operations[commit.operation] else { return false }
        guard case .committed(let version)? = operation.outcome else {
            if operation.outcome != nil { sendDone(id, commit.operation, publishes: false, isExposed: true, now: now) }
            return true
        }
        // While it is not exposed the key is closed: nothing can have happened to the version.
        var isExposed = activities[commit.key]?.operation?.reference != owners[id.place].name(commit.operation)
        #if FLUXON_PLANTING
        if planted.contains(.replayUnexposed) { isExposed = false }
        #endif
        var publishes = false
        if let record = records[commit.key], record.version == version {
            publishes = true
            register(id, commit.key, record)
        }
        sendDone(id, commit.operation, publishes: publishes, isExposed: isExposed, now: now)
        // What it publishes now is not covered by an invalidation that went out before.
        if publishes { invalidateIfPrepared(id, commit.key, again: true, now: now) }
        return true
    }
}
