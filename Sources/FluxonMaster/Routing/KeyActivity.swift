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
///     last copy gone (M4, R4, R10) ─────▶ prepared ──all confirmed, or L3 + G2──▶ removed and exposed: never taken back (K3)
///     lookup ─▶ answered at once, or waiting behind the operation or for the key to be known (R4, R7)
struct KeyActivity: Sendable {
    var operation: RunningOperation?
    var commits: Deque<WaitingCommit> = []
    var lookups: [WaitingLookup] = []
    /// What the key is listed for in `StalledKeys`.
    var stalls: [StalledKeys.Cause] = []

    var isIdle: Bool { operation == nil && commits.isEmpty && lookups.isEmpty }
}

struct RunningOperation: Sendable {
    /// What it does, and so who began it (K1).
    enum Work: Sendable { case commit(LinkCommit), removal(RemovalCause) }

    let key: Key
    let work: Work
    /// What its confirmations name.
    let name: OperationName
    /// An owner's commit; nil for a removal of the master's own.
    let reference: OperationReference?
    /// Owners whose confirmation is missing, once for each invalidation.
    var awaited: [OwnerID] = []
    /// Everybody who was told, with session and number, for `settled` or `restore`.
    var invalidated: [(owner: OwnerID, session: UInt64, number: UInt64)] = []
    /// nil: prepared.
    var version: Version?
    /// What it completed over: comes back if this term ends before anybody has seen `version` (decision 0017).
    var replaced: Version?

    init(_ reference: OperationReference, _ commit: LinkCommit) {
        key = commit.key
        work = .commit(commit)
        name = .commit(reference)
        self.reference = reference
    }

    /// An ordered removal, the master's `number`th of this term.
    init(of key: Key, number: UInt64, _ cause: RemovalCause) {
        self.key = key
        work = .removal(cause)
        name = .removal(number)
        reference = nil
    }

    var isPrepared: Bool { version == nil }
}

/// An operation of this term, whoever began it.
enum OperationName: Hashable, Sendable {
    case commit(OperationReference)
    case removal(UInt64)
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

/// A parked copy from a report (R9).
///
///     undecided ──cause reported pending──▶ a holder's, parked beneath that operation ──failed──▶ restored
///         └── overtaken, cause over, or an operation on the key prepared ──▶ leaving ──confirmed──▶ gone
///     any of them ── its owner reports again, is lost, or a new life of it is fenced ──▶ gone, or named again
///
/// In a term to come a copy that is still there may count as current. So nothing on the key completes before the copies that leave
/// are gone (K2).
struct ParkedClaim: Sendable {
    let owner: OwnerID
    /// The session that reported it, or in which it leaves. When that is over, what became of the copy is known with the next report.
    var session: UInt64
    let version: Version
    let byteCount: UInt64
    let cause: OperationReference
    /// The number of the invalidation that takes it, in `session`.
    var leaving: UInt64?
}
