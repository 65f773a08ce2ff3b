import DequeModule
package import FluxonCore
import HeapModule

/// The rules of one owner: which copies it has, which it may serve, and what it tells the master (CONSISTENCY §3–§6), without I/O
/// or clock.
///
///     link:  away ──connected──▶ greeting ──welcome(new)──▶ reporting ──last page──▶ active        D: now < D ⇔ valid
///              ▲                    └──welcome(resumed): as before──────────────────▶   │          a grant raises D
///              └────────────────────────────disconnected────────────────────────────────┘          nothing lowers it
///
/// Use: call the events of one turn of the loop (`get`, `commit`, `fetched`, `received`, `tick` …), then `flush`, then perform
/// everything that `takeEffects` returns, in order. `now` is a fresh reading of the boot clock. `nextTimer` says when `tick` is due.
package struct ReplicaTable<Store: CopyStore>: ~Copyable {
    package typealias Extent = Store.Extent

    package var store: Store
    package let configuration: ReplicaConfiguration
    #if FLUXON_PLANTING
    /// nil outside of a test that plants it.
    package var planted: Set<PlantedReplicaMistake> = []
    #endif

    // The link.
    var link: LinkEndpoint<OwnerMessage>
    var linkState = LinkState.away
    /// The session in force; nil before the first welcome and after an overflow.
    var session: ReplicaSession?
    /// The highest term that this owner has obeyed; it obeys no lower one (R5).
    package internal(set) var term: UInt64 = 0
    /// The last that a master told of the roster's history (decision 0040).
    var mark: HistoryMark?
    package internal(set) var owner = OwnerID(0)
    package internal(set) var generation = Generation(0)
    var report: ReportCursor?
    var nextHeartbeat = BootInstant.zero
    var isHeartbeatDue = false
    /// Invalidations up to this number are applied and not confirmed yet.
    var unconfirmed: UInt64?
    /// Owners that this one cannot connect to; each session begins with them.
    var unreachable: [OwnerID] = []

    // Validity.
    /// D (L2): this owner answers by itself while now < deadline.
    package internal(set) var deadline = BootInstant.zero
    var hasRetired = false
    var awaitingValidity = WaitingKeys()

    // Keys.
    var keys: [Key: ReplicaKeyState<Extent>] = [:]
    var waiters: [WaiterID: GetRequest] = [:]
    /// The key of every fetch and lookup that is not over.
    var fetchKeys: [FetchID: Key] = [:]
    var nextFetch: UInt64 = 1
    /// Lookups of this session that the master has not answered; at most `Limits.lookups`.
    var lookupsSent = 0
    /// Fetches and lookups that are not sent because there are so many; what ended meanwhile is passed over.
    var heldLookups: Deque<FetchID> = []
    /// Commits in flight, by operation.
    var inFlight: [UInt64: ReplicaKeyState<Extent>] = [:]
    var nextOperation: UInt64 = 1
    /// Keys whose queued commits wait for a session, oldest first.
    var unstarted = WaitingKeys()
    /// Commits that were neither answered nor expired.
    var unansweredCommits = 0
    var parkedByInvalidation: [UInt64: Key] = [:]

    var timers: Heap<ReplicaTimer> = []
    var timerOrder: UInt64 = 0
    var effects: [ReplicaEffect<Extent>] = []

    package init(store: Store, configuration: ReplicaConfiguration) {
        self.store = store
        self.configuration = configuration
        link = LinkEndpoint(limit: configuration.backlogLimit)
    }

    /// The number of the session in force; nil before the first welcome and after an overflow.
    package var sessionNumber: UInt64? { session?.number }

    /// Commits that were sent and are not decided, oldest first, and their keys.
    package var commitsInFlight: [(operation: OperationReference, key: Key)] {
        inFlight.sorted { $0.key < $1.key }.map { (OperationReference(owner: owner, generation: generation, number: $0.key), $0.value.key) }
    }

    /// A master has taken this owner and the connection to it stands.
    package var isLinked: Bool { linkState == .open }

    /// L4: may this owner answer by itself?
    package func isValid(now: BootInstant) -> Bool { now < deadline }

    /// Ends a turn: makes retirements visible, then hands what is due to the link. Nothing is sent without this call.
    package mutating func flush(now: BootInstant) {
        // Also while the link is away: what waits for it must not grow without end.
        if link.isOverLimit { endSession() }
        // Behind the end of a report the commits that waited for it begin, and park their own copies (C2): before the fence.
        if linkState == .open, session != nil { continueReport(now: now) }
        if hasRetired {
            hasRetired = false
            store.makeRetirementsVisible()
        }
        guard linkState == .open, let session else { return }
        if let upTo = unconfirmed {
            unconfirmed = nil
            link.enqueue(.confirm(upTo: upTo))
        }
        while var frame: OwnerFrame = link.takeFrame(term: term, session: session.number, maximumMessages: Limits.linkFrameMessages) {
            if isHeartbeatDue, link.unsent == 0 { attachHeartbeat(to: &frame, now: now) }
            effects.append(.send(frame))
        }
        if isHeartbeatDue {
            var frame = OwnerFrame(term: term, session: session.number)
            frame.acknowledged = link.received
            attachHeartbeat(to: &frame, now: now)
            effects.append(.send(frame))
        }
    }

    package mutating func takeEffects() -> [ReplicaEffect<Extent>] {
        defer { effects = [] }
        return effects
    }

    private mutating func attachHeartbeat(to frame: inout OwnerFrame, now: BootInstant) {
        frame.control = .heartbeat(sentAt: now)
        isHeartbeatDue = false
    }

    /// Enqueues on the session's link; the caller has seen that there is a session.
    mutating func send(_ message: OwnerMessage) {
        link.enqueue(message)
    }

    /// L1: from here on a new session and a full report are needed.
    mutating func endSession() {
        session = nil
        report = nil
        if linkState != .away {
            linkState = .away
            effects.append(.reconnect)
        }
    }

    /// What goes on for a key, from now on if nothing did.
    mutating func state(of key: Key) -> ReplicaKeyState<Extent> {
        if let state = keys[key] { return state }
        let state = ReplicaKeyState<Extent>(key)
        keys[key] = state
        return state
    }

    /// Removes what is no longer needed about a key.
    mutating func tidy(_ key: Key) {
        if let state = keys[key] { tidy(state) }
    }

    mutating func tidy(_ state: ReplicaKeyState<Extent>) {
        guard state.isIdle else { return }
        keys[state.key] = nil
        awaitingValidity.remove(state.key)
        unstarted.remove(state.key)
    }
}

package struct ReplicaConfiguration: Sendable {
    package var cluster: String
    package var instance: InstanceKey
    /// A random number of this process.
    package var life: UInt64
    /// The generation that was found in the old pool file and fenced (R1); 0: none.
    package var fenced: Generation
    package var timing: ProtocolTiming
    /// This owner carries values between others (`network.relay_bytes` is not 0).
    package var isRelay = false
    package var subCluster = ""
    package var backlogLimit = Limits.linkBacklogMessages
    package var reportPageEntries = Limits.reportPageEntries
    package var reportWindowPages = Limits.reportWindowPages
    /// What one turn does of a report, in looks at a place; handling a copy counts as eight.
    package var turnSteps = Limits.ownerTurnSteps

    package init(cluster: String, instance: InstanceKey, life: UInt64, fenced: Generation = Generation(0), timing: ProtocolTiming = .init())
    {
        self.cluster = cluster
        self.instance = instance
        self.life = life
        self.fenced = fenced
        self.timing = timing
    }
}

struct ReplicaSession: Hashable, Sendable {
    let number: UInt64
    /// The master wants to hear whom this owner cannot reach.
    let choosesRelays: Bool
}

enum LinkState: Hashable, Sendable {
    case away
    /// The hello is sent.
    case greeting
    case open
}

/// What `tick` looks at when the time comes. An entry may be stale; its owner decides.
struct ReplicaTimer: Comparable, Sendable {
    enum Subject: Hashable, Sendable {
        case waiter(WaiterID)
        case commit(Key, OperationToken)
        case rest(FetchID)
    }

    let at: BootInstant
    /// Ties go in order of creation, so that equal inputs act equally.
    let order: UInt64
    let subject: Subject

    static func < (left: ReplicaTimer, right: ReplicaTimer) -> Bool { (left.at, left.order) < (right.at, right.order) }
    static func == (left: ReplicaTimer, right: ReplicaTimer) -> Bool { left.order == right.order }
}
