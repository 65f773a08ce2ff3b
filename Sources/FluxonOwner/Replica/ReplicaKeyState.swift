import FluxonCore

/// What one owner has going on for one key. Keys with nothing but a published copy have none.
///
///     commit:   queued ──start (C2: own copy parked)──▶ in flight ──done──▶ kept until now < D ──▶ taken: published, answered
///     fetch:    resting ──lookup sent──▶ asked ──found──▶ transferring ──arrived──▶ published
///                                          └─────── invalidation, own commit, new term ────────▶ detached: serves who joined before
///     parked:   by C2 or C4 ── settled ──▶ released       └─ restore, conditionFailed ──▶ published again
///
/// An object, so that a step changes one field of it in place: as a value in a dictionary all of it was copied at each access, an
/// eighth of an owner's time. It belongs to one table, which cannot be copied.
final class ReplicaKeyState<Extent: Hashable & Sendable> {
    let key: Key
    var commit: PendingCommit<Extent>?
    /// Behind `commit`, or waiting for a session.
    var queued: [CommitRequest<Extent>] = []
    var parked: ParkedCopy<Extent>?
    /// The attached fetch.
    var fetch: ReplicaFetch?
    var detached: [ReplicaFetch] = []
    /// Gets that wait for the outcome of `commit`, or for validity.
    var gated: [WaiterID] = []
    var metadata: [MetadataLookup] = []

    /// Gets in these lists that ended since the lists were looked through.
    var endedWaiters = 0

    init(_ key: Key) { self.key = key }

    var waiterCount: Int {
        var count = gated.count
        if let fetch { count += fetch.early.count + fetch.late.count }
        for fetch in detached { count += fetch.early.count + fetch.late.count }
        for lookup in metadata { count += lookup.waiters.count }
        return count
    }

    func keepWaiters(_ isWaiting: (WaiterID) -> Bool) {
        endedWaiters = 0
        gated.removeAll { !isWaiting($0) }
        fetch?.keepWaiters(isWaiting)
        for index in detached.indices { detached[index].keepWaiters(isWaiting) }
        for index in metadata.indices { metadata[index].waiters.removeAll { !isWaiting($0) } }
    }

    var isIdle: Bool {
        commit == nil && queued.isEmpty && parked == nil && fetch == nil && detached.isEmpty && gated.isEmpty && metadata.isEmpty
    }
}

/// A commit that was sent: from here on its bytes are the owner's (C1).
struct PendingCommit<Extent: Hashable & Sendable>: Sendable {
    let operation: UInt64
    let request: CommitRequest<Extent>
    /// An invalidation came since it was sent: the parked copy is not this operation's to publish again.
    var isInvalidated = false
    /// A `done` that waits for validity (C5).
    var kept: KeptOutcome?
    /// The caller was told `unknownOutcome` at its deadline.
    var isAnswered = false
}

struct KeptOutcome: Hashable, Sendable {
    let version: Version
    /// nil: another version took its place.
    let published: Version?
}

struct ParkedCopy<Extent: Hashable & Sendable>: Sendable {
    let copy: StoredCopy<Extent>
    var cause: OperationReference
    /// The invalidation that parked it, in this session; `settled` names it. nil: this owner's own commit.
    var invalidation: UInt64?
}

struct ReplicaFetch: Sendable {
    enum Stage: Hashable, Sendable {
        /// The lookup is not sent: there is no session, or a holder was gone a moment ago.
        case resting
        case asked
        case transferring(Version, isRegistered: Bool)
    }

    let id: FetchID
    var stage: Stage
    /// Gets that began before the lookup was sent: any answer serves them (M2).
    var early: [WaiterID]
    /// Gets that joined later, while the fetch was attached and now < D: only registered bytes serve them.
    var late: [WaiterID] = []
    /// How often holders had nothing, for the pause before the next lookup.
    var attempts = 0

    mutating func keepWaiters(_ isWaiting: (WaiterID) -> Bool) {
        early.removeAll { !isWaiting($0) }
        late.removeAll { !isWaiting($0) }
    }
}

struct MetadataLookup: Sendable {
    let id: FetchID
    var isSent: Bool
    var waiters: [WaiterID]
}
