import DequeModule
import FluxonCore

/// What the routing table knows of one owner.
///
///     unknown ──hello──▶ registering ──roster written──▶ session: reporting ──last page──▶ active ⇄ (connection gone, back)
///                                                             ▲                              │ backlog full · silent (G2, R4)
///                                                             └──────── hello ◀── no session ◀┘
struct RoutingOwner: Sendable {
    let id: OwnerID
    let instance: InstanceKey
    /// As confirmed by etcd; nil before the first write.
    var entry: RosterEntry?
    /// What the entry shall become; equal to `entry` when nothing is to do.
    var desired: RosterEntry
    var isWriting = false
    /// Whose number it takes; nil once that is written (decision 0043).
    var replaces: InstanceKey?

    /// Its reports are believed (R6).
    var isTrusted: Bool
    /// To this term; also true for a generation that began in it.
    var hasReported: Bool
    /// Its session ended before all that it had reported was decided (R9): the phases wait for another report.
    var mustReportAgain = false
    var session: RoutingSession?
    var nextSession: UInt64 = 1
    /// A connection that waits for the roster before it gets its welcome.
    var greeting: (connection: ConnectionID, hello: LinkHello)?
    var lease = ValidityLease()
    var lastHeard: BootInstant

    /// Invalidations without a confirmation, oldest first.
    var awaited: Deque<AwaitedConfirmation> = []
    /// Claims that were told to go in this session and did not confirm it yet, oldest first. Stale ones are skipped.
    var leaving: Deque<(key: Key, number: UInt64)> = []
    /// Operations from `prepared` until the owner has taken the outcome.
    var operations: [UInt64: OwnerOperation] = [:]
    /// `done`s sent, with the time at which the owner is bypassed if it has not taken them. Stale ones are skipped.
    var untaken: Deque<(operation: UInt64, due: BootInstant)> = []
    /// While a repeated report runs: the entries of the keys that it named, or that were registered since it began.
    var seen = EntrySet()
    var sweep: HolderSweep?
    /// In `RoutingTable.dirty`.
    var isDirty = false
    /// Commits that the report named as pending, for its end.
    var pending: [LinkCommit] = []

    var generation: Generation { desired.generation }
    var isWritten: Bool { entry == desired }
    /// It may get grants, and its commits are prepared (G3, R3).
    var isIn: Bool { isWritten && desired.state == .in }
    /// This term knows what the owner has (R7, R8).
    var isKnown: Bool { hasReported && !mustReportAgain }

    /// G2 or R4 is done: this owner has no rights until it is back in the roster.
    func isOut(term: UInt64) -> Bool {
        guard session == nil, let entry, isWritten else { return false }
        switch entry.state {
        case .bypassed(let by): return by == term
        case .lost: return true
        case .in: return false
        }
    }

    /// Lost, and nothing in this table waits for it or could be taken for its own.
    var isForgotten: Bool {
        entry?.state == .lost && isWritten && !isWriting && session == nil && greeting == nil && operations.isEmpty && awaited.isEmpty
            && sweep == nil && !mustReportAgain && generation > Generation(0)
    }

    func name(_ operation: UInt64) -> OperationReference {
        OperationReference(owner: id, generation: generation, number: operation)
    }
}

struct RoutingSession: Sendable {
    let number: UInt64
    var connection: ConnectionID?
    var link: LinkEndpoint<MasterMessage>
    /// The report is complete: grants may follow once the roster says `in`.
    var isActive = false
    var nextInvalidation: UInt64 = 1
    /// The last message of the resync: before the owner has processed it the roster does not say `in` again.
    var returnsAfter: UInt64 = 0
    /// To be sent before anything else on this connection.
    var welcome: LinkWelcome?
    /// What this connection has told of the roster's history.
    var toldMark: HistoryMark?
    /// A heartbeat of this turn, to be granted in `flush`.
    var heartbeat: BootInstant?

    init(number: UInt64, connection: ConnectionID, backlogLimit: Int) {
        self.number = number
        self.connection = connection
        link = LinkEndpoint(limit: backlogLimit)
    }
}

struct AwaitedConfirmation: Sendable {
    let key: Key
    let operation: OperationName
    /// Copies up to this version are meant.
    let version: Version
    /// The copies are parked for this operation; nil: they have no future whatever becomes of it.
    let cause: OperationReference?
    /// The session and number of the invalidation; nil when there was no session to send it in.
    var sent: (session: UInt64, number: UInt64)?
    /// L3: m_r of the last grant before it.
    var barrier: BootInstant?
}

struct OwnerOperation: Sendable {
    let key: Key
    let kind: CommitKind
    /// nil: prepared.
    var outcome: CommitOutcome?
}
