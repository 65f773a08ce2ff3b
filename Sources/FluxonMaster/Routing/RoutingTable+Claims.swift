import FluxonCore

// Parked copies in reports (R9): current again only if their cause is reported pending.
extension RoutingTable {
    mutating func judgeAllClaims(now: BootInstant) {
        for key in claims.keys.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) { judgeClaims(key, now: now) }
    }

    /// Adopts, restores or drops what is decided; the rest waits for another report.
    mutating func judgeClaims(_ key: Key, now: BootInstant) {
        guard isOpen, activities[key]?.operation == nil, let list = claims[key] else { return }
        var rest: [ParkedClaim] = []
        for claim in list where owners[claim.owner.place].session?.number == claim.session {
            if isOvertaken(claim, key) {
                _ = sendInvalidation(claim.owner, key, cause: nil)
            } else if reportedPending.contains(claim.cause) {
                adopt(claim, key)
                if isStillPending(claim.cause, key) { rest.append(claim) } else { send(claim.owner, .restore(key, claim.version)) }
            } else if mayStillReport(claim.cause) {
                rest.append(claim)
            } else {
                // Never fall back to an older version: the cause may have been acknowledged by an owner now gone.
                _ = sendInvalidation(claim.owner, key, cause: nil)
            }
        }
        claims[key] = rest.isEmpty ? nil : rest
        answerLookups(key, now: now)
    }

    private func isOvertaken(_ claim: ParkedClaim, _ key: Key) -> Bool {
        guard let record = records[key] else { return removals.contains(key) }
        return record.version != claim.version
    }

    private mutating func adopt(_ claim: ParkedClaim, _ key: Key) {
        var record = records[key] ?? KeyRecord(version: claim.version, byteCount: claim.byteCount)
        register(claim.owner, key, &record)
        records[key] = record
    }

    private func isStillPending(_ cause: OperationReference, _ key: Key) -> Bool {
        activities[key]?.commits.contains { $0.reference == cause && isLive($0) } ?? false
    }

    private func mayStillReport(_ cause: OperationReference) -> Bool {
        guard isKnown(cause.owner) else { return false }
        let owner = owners[cause.owner.place]
        return owner.generation == cause.generation && !owner.hasReported && owner.isTrusted
    }

    /// The cause failed without changing anything: the copies that it parked are current, unless another operation completed since they
    /// were reported.
    mutating func restoreClaims(of cause: OperationReference, key: Key, now: BootInstant) {
        guard let list = claims[key] else { return }
        var rest: [ParkedClaim] = []
        for claim in list {
            guard claim.cause == cause, owners[claim.owner.place].session?.number == claim.session else {
                rest.append(claim)
                continue
            }
            guard records[key]?.version == claim.version else {
                _ = sendInvalidation(claim.owner, key, cause: nil)
                continue
            }
            adopt(claim, key)
            send(claim.owner, .restore(key, claim.version))
        }
        claims[key] = rest.isEmpty ? nil : rest
    }

    /// An operation on the key is prepared: adopted copies are holders like others, the rest has no future. The operation waits until
    /// they are gone: in another term a copy that is still claimed might count as current behind what this operation made.
    mutating func dropUnadoptedClaims(for operation: inout RunningOperation) {
        let key = operation.commit.key
        guard let list = claims.removeValue(forKey: key) else { return }
        for claim in list {
            if let record = records[key], holderLists.contains(claim.owner, in: record.holders) { continue }
            let number = sendInvalidation(claim.owner, key, cause: nil)
            guard claim.owner != operation.reference.owner else { continue }
            var awaited = AwaitedConfirmation(key: key, cause: operation.reference, isDrop: true)
            if let number, let session = owners[claim.owner.place].session?.number { awaited.sent = (session: session, number: number) }
            awaited.barrier = owners[claim.owner.place].lease.lastGrant
            owners[claim.owner.place].awaited.append(awaited)
            operation.awaited.append(claim.owner)
        }
    }
}
