import DequeModule
import FluxonCore

/// What the table knows of a key that exists.
struct KeyRecord: Sendable {
    var version: Version
    var byteCount: UInt64
    var holders = HolderSet()
}

/// What goes on for one key. Most keys have none.
///
///     commit ─▶ waiting ──prepare (C3)──▶ prepared ──all confirmed, or L3 + G2──▶ completing ──taken, or committer out──▶ exposed
///                            │ condition fails: outcome only     │ committer died before `done`: aborted, copies restored (C6)
///     lookup ─▶ answered at once, or waiting behind the operation or for the key to be known (R4, R7)
struct KeyActivity: Sendable {
    var operation: RunningOperation?
    var commits: Deque<WaitingCommit> = []
    var lookups: [WaitingLookup] = []

    var isIdle: Bool { operation == nil && commits.isEmpty && lookups.isEmpty }
}

struct RunningOperation: Sendable {
    let reference: OperationReference
    let commit: LinkCommit
    /// Owners whose confirmation is missing, once for each invalidation.
    var awaited: [OwnerID] = []
    /// Everybody who was told, with session and number, for `settled` or `restore`.
    var invalidated: [(owner: OwnerID, session: UInt64, number: UInt64)] = []
    /// nil: prepared.
    var version: Version?
    /// What it completed over: comes back if this term ends before anybody has seen `version` (decision 0017).
    var replaced: Version?
}

struct WaitingCommit: Sendable {
    let owner: OwnerID
    let session: UInt64
    let reference: OperationReference
    let commit: LinkCommit
}

struct WaitingLookup: Sendable {
    let owner: OwnerID
    let session: UInt64
    let lookup: LinkLookup
}

/// A parked copy from a report, until its cause is decided (R9).
struct ParkedClaim: Sendable {
    let owner: OwnerID
    let session: UInt64
    let version: Version
    let byteCount: UInt64
    let cause: OperationReference
}
