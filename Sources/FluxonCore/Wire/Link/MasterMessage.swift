/// Master → owner, on the ordered link of one session (the table of CONSISTENCY §3).
package enum MasterMessage: Hashable, Sendable {
    /// `publishes` is false for a replayed `committed` that is no longer the key's version (R3): it only answers the caller.
    /// `isExposed` is true for a replayed one that the master has shown to others: it is taken without validity (decision 0017).
    case done(operation: UInt64, CommitOutcome, publishes: Bool, isExposed: Bool = false)
    case invalidate(Invalidation)
    /// The operation behind these invalidations is acknowledged: parked copies may go (C6).
    case settled(ClosedRange<UInt64>)
    /// A parked or retired copy of exactly this version is current again and may be published (C6, R9).
    case restore(Key, Version)
    case found(LookupAnswer)
}

package struct Invalidation: Hashable, Sendable {
    /// Counts up within the session; `confirm` and `settled` refer to it.
    package let number: UInt64
    package let key: Key
    /// Copies up to this version are meant. A newer one, which a lookup brought that was answered before, stays.
    package let upTo: Version
    /// nil: nothing will bring these copies back, so they need not be parked (R3).
    package let cause: OperationReference?

    package init(number: UInt64, key: Key, upTo: Version, cause: OperationReference?) {
        self.number = number
        self.key = key
        self.upTo = upTo
        self.cause = cause
    }
}

package struct LookupAnswer: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case absent
        case metadata(Version, byteCount: UInt64)
        case copy(FoundCopy)
    }

    package let lookup: UInt64
    package let content: Content

    package init(lookup: UInt64, content: Content) {
        self.lookup = lookup
        self.content = content
    }
}

package struct FoundCopy: Hashable, Sendable {
    package let version: Version
    package let byteCount: UInt64
    /// Who may have the bytes, the asker left out.
    package let holders: [OwnerID]
    /// False (M3, `cacheable: no`): nothing was registered; for one use, never to be published.
    package let isRegistered: Bool
    /// By holder: the owner through which the asker reads from it, for it cannot connect to the holder itself. None for the others.
    package let relays: [OwnerID: OwnerID]

    package init(version: Version, byteCount: UInt64, holders: [OwnerID], isRegistered: Bool, relays: [OwnerID: OwnerID] = [:]) {
        self.version = version
        self.byteCount = byteCount
        self.holders = holders
        self.isRegistered = isRegistered
        self.relays = relays
    }
}
