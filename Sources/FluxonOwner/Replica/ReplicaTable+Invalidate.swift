import FluxonCore

// Holders: invalidations confirmed in the turn that reads them (C4), parked copies (C6), restore (C6, R9).
extension ReplicaTable {
    mutating func invalidate(_ message: Invalidation) {
        let key = message.key
        unconfirmed = message.number
        #if FLUXON_PLANTING
        if planted.contains(.skipInvalidation) { return }
        let newest = planted.contains(.invalidateNewer) ? Version(term: .max, sequence: .max) : message.upTo
        let invalidation = Invalidation(number: message.number, key: key, upTo: newest, cause: message.cause)
        #else
        let invalidation = message
        #endif
        if let state = keys[key] { invalidate(state, invalidation) }
        // What came since, by a lookup that was answered before, is not meant.
        if let copy = store.find(key), copy.version <= invalidation.upTo, store.retire(key) != nil {
            hasRetired = true
            if let state = keys[key] { releaseParked(state) }
            guard let cause = invalidation.cause else { return store.release(copy.extent) }
            state(of: key).parked = ParkedCopy(copy: copy, cause: cause, invalidation: invalidation.number)
            parkedByInvalidation[invalidation.number] = key
            // Its place may not have been reached yet, and a copy that may be restored is one that the master must hear of.
            report?.parked.append(key)
        } else if let state = keys[key], let parked = state.parked, parked.copy.version <= invalidation.upTo {
            guard let cause = invalidation.cause else {
                releaseParked(state)
                return tidy(state)
            }
            if let number = parked.invalidation { parkedByInvalidation[number] = nil }
            state.parked?.cause = cause
            state.parked?.invalidation = invalidation.number
            parkedByInvalidation[invalidation.number] = key
        }
    }

    /// What goes on for the key and concerns versions that are meant.
    private mutating func invalidate(_ state: ReplicaKeyState<Extent>, _ invalidation: Invalidation) {
        var isNewer = false
        if case .transferring(let version, _)? = state.fetch?.stage { isNewer = version > invalidation.upTo }
        if !isNewer { detachFetch(state) }
        if let parked = state.parked, parked.copy.version <= invalidation.upTo { state.commit?.isInvalidated = true }
        // A key is closed until its outcome is taken; should a master think otherwise, the version is at least not published.
        if let kept = state.commit?.kept, kept.version <= invalidation.upTo {
            state.commit?.kept = KeptOutcome(version: kept.version, published: nil)
        }
    }

    /// C6: the operation that parked these copies is acknowledged.
    mutating func settled(_ numbers: ClosedRange<UInt64>) {
        // A peer's range may be as long as it likes, longer than an Int counts; what is parked here is not.
        guard numbers.upperBound - numbers.lowerBound < UInt64(parkedByInvalidation.count) else {
            for number in parkedByInvalidation.keys.filter({ numbers.contains($0) }).sorted() { settle(number) }
            return
        }
        for number in numbers { settle(number) }
    }

    private mutating func settle(_ number: UInt64) {
        guard let key = parkedByInvalidation[number], let state = keys[key], state.parked?.invalidation == number else { return }
        releaseParked(state)
        tidy(state)
    }

    /// The operation that parked this copy came to nothing.
    mutating func restore(_ key: Key, _ version: Version, now: BootInstant) {
        guard let state = keys[key], let parked = state.parked, parked.copy.version == version else { return }
        if let number = parked.invalidation { parkedByInvalidation[number] = nil }
        if let commit = state.commit {
            // The own commit comes next; what becomes of the copy hangs on that one.
            state.parked?.cause = OperationReference(owner: owner, generation: generation, number: commit.operation)
            state.parked?.invalidation = nil
            state.commit?.isInvalidated = false
        } else {
            state.parked = nil
            if store.find(key) != nil || !store.publish(key, parked.copy) {
                store.release(parked.copy.extent)
                dropIfNothing(key, version)
            }
            tidy(state)
        }
    }
}
