import DequeModule
package import FluxonCore

/// The rules of one master in one term: who has which version of which key, what may be completed, and who may see it
/// (CONSISTENCY §3–§6), without I/O or clock.
///
///     collecting ──R8: every roster owner reported, or W₀ passed and the missing are bypassed──▶ open ──R7: all reported or lost──▶ complete
///       lookups of reported keys                                                   commits complete           unknown means absent
///
/// Use: call the events of one turn of the loop (`received`, `connected` …, `tick`), then `workOff`, then `flush` with a *fresh* reading
/// of the clock, then perform everything that `takeEffects` returns, in order. `nextTimer` says when `tick` is due. O(1) per message;
/// whatever concerns many keys at once is done in pieces by `workOff`.
package struct RoutingTable: Sendable {
    package let cluster: String
    package let term: UInt64
    package let timing: ProtocolTiming
    /// W, which every commit needs.
    let confirmationWait: Duration
    package let electedAt: BootInstant
    /// G1. The caller tells it of every guarded transaction that succeeded.
    package var authority: Authority
    /// Notes every completion and exposure; for checkers.
    package var observesOperations = false
    #if FLUXON_PLANTING
    /// nil outside of a test that plants it.
    package var planted: Set<PlantedRoutingMistake> = []
    #endif
    package var backlogLimit = Limits.linkBacklogMessages
    /// Lost owners beyond which a new owner gets the number of one (decision 0043).
    package var lostOwnersKept = Limits.lostOwners

    /// By `OwnerID.place`. Reached by the array's own subscript: one of ours that lends with `_read` copies a record of 440 bytes into a frame
    /// on the heap, and Swift before 6.4 looks at the copy after it is freed (github.com/swiftlang/swift/issues/89836).
    var owners: [RoutingOwner] = []
    var ownersByInstance: [InstanceKey: OwnerID] = [:]
    var connections: [ConnectionID: OwnerID] = [:]
    /// Names whose entries in the roster are being deleted.
    var leaving: Set<InstanceKey> = []

    var records = KeyTable<KeyRecord>()
    var holderLists = HolderLists()
    var reachability = ReachabilityTable()
    var activities: [Key: KeyActivity] = [:]
    var sequence: UInt64 = 0
    /// Removals of the master's own, counted.
    var lastRemoval: UInt64 = 0
    /// What etcd knew of the terms before this one; empty: nobody asks (decision 0040).
    let history: TermHistory
    /// How far this term's roster is in etcd.
    var mark: HistoryMark
    /// Owners that have seen what etcd does not know.
    var strangers: [InstanceKey: Stranger] = [:]

    /// R8 and R7.
    package internal(set) var isOpen = false
    package internal(set) var isComplete = false
    /// Keys removed in this term, while somebody may still bring an older copy (R3).
    var removals = KeySet()
    /// Parked copies that reports named: not decided, or told to go and not gone (R9, K2). Empty but behind an election.
    var claims: [Key: [ParkedClaim]] = [:]
    /// Operations that some report of this term named as pending.
    var reportedPending: Set<OperationReference> = []

    var stalled = StalledKeys()
    /// Owners with a sweep, the one that is worked on first.
    var sweeping: Deque<OwnerID> = []
    /// What `workOff` does in one turn.
    package var stepsPerTurn = Limits.masterTurnSteps
    /// Sessions with something to send, in order of their first message of this turn.
    var dirty: [OwnerID] = []
    var timers = OwnerTimers()
    /// Place of an owner that R8 or R7 waited for when that was looked at last.
    var waitsFor = 0
    var lastTick: BootInstant
    var judgesSilenceFrom: BootInstant
    var effects: [RoutingEffect] = []

    /// A master that has just won its election and then read the roster (R5).
    ///
    /// - Parameters:
    ///   - electedAt: When the confirmation of the election arrived; W₀ counts from here.
    ///   - roster: Every entry, in any order.
    ///   - history: The terms that etcd knows of, with this one as the last.
    package init(
        cluster: String, authority: Authority, electedAt: BootInstant, timing: ProtocolTiming, roster: [(InstanceKey, RosterEntry)],
        history: TermHistory = TermHistory()
    ) {
        self.cluster = cluster
        self.history = history
        mark = HistoryMark(term: authority.term, writes: 0, owners: UInt64(roster.count { $0.1.state == .in }))
        term = authority.term
        self.authority = authority
        self.electedAt = electedAt
        self.timing = timing
        confirmationWait = timing.confirmationWait
        lastTick = electedAt
        judgesSilenceFrom = electedAt
        for (instance, entry) in roster.sorted(by: { $0.1.owner < $1.1.owner }) {
            guard entry.owner.number > owners.count, entry.owner.number <= Self.largestNumber else {
                note(.anomaly("roster: \(instance) has number \(entry.owner.number), which is taken or beyond \(Self.largestNumber)"))
                continue
            }
            guard entry.generation.number < .max else {
                note(.anomaly("roster: \(instance) has the last generation of all"))
                continue
            }
            // A master that died between two registrations leaves a number that nobody has.
            while owners.count + 1 < entry.owner.number { owners.append(Self.nobody(UInt32(owners.count) + 1, now: electedAt)) }
            let isLost = entry.state == .lost
            let owner = RoutingOwner(
                id: entry.owner, instance: instance, entry: entry, desired: entry, isTrusted: entry.state == .in, hasReported: isLost,
                lastHeard: electedAt)
            owners.append(owner)
            ownersByInstance[instance] = entry.owner
        }
        for place in owners.indices { scheduleTimer(owners[place].id) }
        checkProgress(now: electedAt)
    }

    private static let largestNumber: UInt32 = 1 << 16

    private static func nobody(_ number: UInt32, now: BootInstant) -> RoutingOwner {
        let entry = RosterEntry(owner: OwnerID(number), generation: Generation(0), state: .lost, life: 0)
        return RoutingOwner(
            id: entry.owner, instance: InstanceKey(""), entry: entry, desired: entry, isTrusted: false, hasReported: true, lastHeard: now)
    }

    package var keyCount: Int { records.count }

    /// What the table knows of a key, for `explain`, the panel and checkers; nil when it knows nothing.
    package func placement(of key: Key) -> (version: Version, byteCount: UInt64, holders: [OwnerID])? {
        records[key].map { ($0.version, $0.byteCount, holderLists.owners(of: $0.holders)) }
    }

    /// The keys that begin with `prefix` and have a value, from a position of this term's table on: a bounded part of it.
    package func keys(_ request: KeysRequest) -> KeysAnswer {
        var answer = KeysAnswer(term: term, isComplete: isComplete)
        guard let position = UInt32(exactly: request.position) else { return answer }
        let next = records.visit(from: position, visits: Limits.keysPageVisits) { key, record in
            guard key.bytes.starts(with: request.prefix) else { return true }
            answer.entries.append(
                .init(
                    key: key, byteCount: record.byteCount, version: record.version,
                    holders: UInt32(clamping: holderLists.owners(of: record.holders).count)))
            return answer.entries.count < Limits.keysPageEntries
        }
        answer.next = next.map(UInt64.init)
        return answer
    }

    /// The owner's session in force and whether its report is complete.
    package func session(of instance: InstanceKey) -> (owner: OwnerID, number: UInt64, isActive: Bool)? {
        guard let id = ownersByInstance[instance], let session = owners[id.place].session else { return nil }
        return (id, session.number, session.isActive)
    }

    /// Ends a turn. Nothing is sent without authority; it stays queued (G1).
    ///
    /// - Parameter now: Read after the work of this turn.
    package mutating func flush(now: BootInstant) {
        guard mayAct(now: now) else { return }
        let list = dirty
        dirty = []
        for id in list {
            owners[id.place].isDirty = false
            flush(id, now: now)
        }
    }

    /// G1: asked after the work, before anything leaves.
    package func mayAct(now: BootInstant) -> Bool {
        #if FLUXON_PLANTING
        if planted.contains(.actWithoutAuthority) { return true }
        #endif
        return !isHistoryLost && authority.mayAct(now: now)
    }

    private mutating func flush(_ id: OwnerID, now: BootInstant) {
        guard var session = owners[id.place].session else { return }
        if session.link.isOverLimit { return endSession(id, now: now) }
        guard let connection = session.connection else { return }
        if let welcome = session.welcome {
            session.welcome = nil
            effects.append(.send(connection, MasterFrame(term: term, session: session.number, control: .welcome(welcome))))
        }
        var grant = takeGrant(&session, id)
        var news = newMark(session, id)
        // A report has few pages under way, and sends no heartbeats that an acknowledgement could ride back on.
        while var frame: MasterFrame = session.link.takeFrame(
            term: term, session: session.number, maximumMessages: Limits.linkFrameMessages, peerWaits: !session.isActive)
        {
            if session.link.unsent == 0 {
                frame.control = grant.map(MasterControl.grant)
                grant = nil
            }
            if let told = news { (frame.mark, session.toldMark, news) = (told, told, nil) }
            effects.append(.send(connection, frame))
        }
        if let grant {
            var frame = MasterFrame(term: term, session: session.number, control: .grant(grant))
            frame.acknowledged = session.link.received
            if let news { (frame.mark, session.toldMark) = (news, news) }
            effects.append(.send(connection, frame))
        }
        owners[id.place].session = session
    }

    /// L2: everything that was sent before is behind the barrier. G3: never before the roster says `in`.
    private mutating func takeGrant(_ session: inout RoutingSession, _ id: OwnerID) -> LinkGrant? {
        guard let sentAt = session.heartbeat, session.isActive, owners[id.place].isIn else { return nil }
        session.heartbeat = nil
        return LinkGrant(sentAt: sentAt, length: timing.validityLease, barrier: session.link.lastEnqueued)
    }

    package mutating func takeEffects() -> [RoutingEffect] {
        defer { effects = [] }
        return effects
    }

    /// Numbers in messages come from outside.
    func isKnown(_ id: OwnerID) -> Bool { id.number > 0 && Int(id.number) <= owners.count }

    /// Queues for the owner's session; without one it is lost, and the resync makes it good.
    mutating func send(_ id: OwnerID, _ message: MasterMessage) {
        guard owners[id.place].session != nil else { return }
        owners[id.place].session?.link.enqueue(message)
        touch(id)
    }

    mutating func touch(_ id: OwnerID) {
        guard !owners[id.place].isDirty else { return }
        owners[id.place].isDirty = true
        dirty.append(id)
    }

    mutating func note(_ note: RoutingNote) { effects.append(.note(note)) }

    /// Is it decided whether the key exists? (R7)
    func isDecided(_ key: Key) -> Bool { records[key] != nil || isComplete || removals.contains(key) }

    mutating func tidy(_ key: Key) {
        if let activity = activities[key], activity.isIdle { activities[key] = nil }
    }
}

extension OwnerID {
    /// Where its record lies in `RoutingTable.owners`.
    var place: Int { Int(number) - 1 }
}
