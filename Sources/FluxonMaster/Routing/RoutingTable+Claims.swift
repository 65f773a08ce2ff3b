import FluxonCore

// Parked copies in reports (R9): current again only if their cause is reported pending; gone before anything else completes (K2).
extension RoutingTable {
    mutating func judgeAllClaims(now: BootInstant) {
        for key in claims.keys.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) { judgeClaims(key, now: now) }
    }

    /// Adopts, restores or drops what is decided; the rest waits for another report.
    mutating func judgeClaims(_ key: Key, now: BootInstant) {
        guard isOpen, activities[key]?.operation == nil, let list = claims[key] else { return }
        setClaims(list.compactMap { judged($0, key) }, of: key)
        answerLookups(key, now: now)
    }

    /// - Returns: What is left of the claim.
    private mutating func judged(_ claim: ParkedClaim, _ key: Key) -> ParkedClaim? {
        guard claim.leaving == nil, isOfThisSession(claim) else { return claim }
        if isOvertaken(claim, key) { return left(claim, key) }
        if reportedPending.contains(claim.cause) { adopt(claim, key) }
        if isHeld(claim, key) {
            if isStillPending(claim.cause, key) { return claim }
            send(claim.owner, .restore(key, claim.version))
            return nil
        }
        // Never fall back to an older version: the cause may have been acknowledged by an owner now gone.
        return mayStillReport(claim.cause) ? claim : left(claim, key)
    }

    private func isOvertaken(_ claim: ParkedClaim, _ key: Key) -> Bool {
        guard let record = records[key] else { return removals.contains(key) }
        return record.version != claim.version
    }

    private func isOfThisSession(_ claim: ParkedClaim) -> Bool { owners[claim.owner.place].session?.number == claim.session }

    /// The table lists its owner with this very version: adopted before, or looked up while it was reported.
    private func isHeld(_ claim: ParkedClaim, _ key: Key) -> Bool {
        guard let record = records[key], record.version == claim.version else { return false }
        return holderLists.contains(claim.owner, in: record.holders)
    }

    private mutating func adopt(_ claim: ParkedClaim, _ key: Key) {
        let record = records[key] ?? KeyRecord(version: claim.version, byteCount: claim.byteCount)
        register(claim.owner, key, record)
        // A condition may have waited to know whether the key exists.
        wake(key)
    }

    /// Tells its owner, in the session that it has now, that the copy has no future. It stays on the list until that is confirmed.
    private mutating func left(_ claim: ParkedClaim, _ key: Key) -> ParkedClaim {
        guard let session = owners[claim.owner.place].session?.number,
            let number = sendInvalidation(claim.owner, key, upTo: claim.version, cause: nil)
        else { return claim }
        var claim = claim
        claim.session = session
        claim.leaving = number
        owners[claim.owner.place].leaving.append((key: key, number: number))
        return claim
    }

    private func isStillPending(_ cause: OperationReference, _ key: Key) -> Bool {
        activities[key]?.commits.contains { $0.reference == cause && isLive($0) } ?? false
    }

    private func mayStillReport(_ cause: OperationReference) -> Bool {
        guard isKnown(cause.owner) else { return false }
        let owner = owners[cause.owner.place]
        return owner.generation == cause.generation && !owner.hasReported && owner.isTrusted
    }

    private mutating func setClaims(_ list: [ParkedClaim], of key: Key) { claims[key] = list.isEmpty ? nil : list }

    /// A report names a parked copy of a key on which nothing goes on.
    mutating func claim(_ id: OwnerID, _ entry: ReportEntry, _ cause: OperationReference, now: BootInstant) {
        guard let session = owners[id.place].session?.number else { return }
        let claim = ParkedClaim(owner: id, session: session, version: entry.version, byteCount: entry.byteCount, cause: cause)
        setClaims((claims[entry.key] ?? []).filter { $0.owner != id } + [claim], of: entry.key)
        judgeClaims(entry.key, now: now)
    }

    /// The cause failed without changing anything: the copies that it parked are current, unless another operation completed since they
    /// were reported.
    mutating func restoreClaims(of cause: OperationReference, key: Key, now: BootInstant) {
        guard let list = claims[key] else { return }
        var rest: [ParkedClaim] = []
        for claim in list {
            guard claim.cause == cause, claim.leaving == nil, isOfThisSession(claim) else {
                rest.append(claim)
                continue
            }
            guard records[key]?.version == claim.version else {
                rest.append(left(claim, key))
                continue
            }
            adopt(claim, key)
            send(claim.owner, .restore(key, claim.version))
        }
        setClaims(rest, of: key)
    }

    /// An operation on the key is prepared: adopted copies are holders like others, the rest has no future. The operation waits until
    /// they are gone: in another term a copy that is still claimed might count as current behind what this operation made.
    mutating func dropClaims(for operation: inout RunningOperation, now: BootInstant) {
        // The usual case: nobody claims anything.
        guard !claims.isEmpty, let list = claims[operation.key] else { return }
        #if FLUXON_PLANTING
        if planted.contains(.lastDropKeepsClaims), operation.reference == nil { return }
        #endif
        var rest: [ParkedClaim] = []
        for claim in list where claim.leaving != nil || !isHeld(claim, operation.key) {
            rest.append(awaited(claim, by: &operation, now: now))
        }
        setClaims(rest, of: operation.key)
    }

    /// Asked for once more where it is leaving already, so that what an owner confirms stays in order.
    private mutating func awaited(_ claim: ParkedClaim, by operation: inout RunningOperation, now: BootInstant) -> ParkedClaim {
        let claim = left(claim, operation.key)
        // It hears of its own commit behind the invalidation.
        guard claim.owner != operation.reference?.owner else { return claim }
        let sent = claim.leaving.map { (session: claim.session, number: $0) }
        wait(for: claim.owner, upTo: claim.version, cause: nil, sent: isOfThisSession(claim) ? sent : nil, &operation, now: now)
        return claim
    }

    /// The owner has applied every invalidation of its session up to `number`.
    mutating func claimsLeft(_ id: OwnerID, upTo number: UInt64) {
        while let first = owners[id.place].leaving.first, first.number <= number {
            owners[id.place].leaving.removeFirst()
            guard let list = claims[first.key] else { continue }
            setClaims(list.filter { $0.owner != id || $0.leaving != first.number || !isOfThisSession($0) }, of: first.key)
        }
    }

    /// What the owner claimed is named again by its new report, or gone with the life that claimed it.
    mutating func forgetClaims(of id: OwnerID, except session: UInt64? = nil) {
        for (key, list) in claims where list.contains(where: { $0.owner == id && $0.session != session }) {
            setClaims(list.filter { $0.owner != id || $0.session == session }, of: key)
        }
    }
}
