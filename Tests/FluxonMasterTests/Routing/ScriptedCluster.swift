import FluxonCore
import FluxonMaster

/// A routing table between owners that do what a test says: each call is one turn of the master's loop, and gives what the master
/// sent in it.
struct ScriptedCluster {
    static let term: UInt64 = 3
    static let start = BootInstant(nanoseconds: 1_000_000_000_000)

    private struct Owner {
        var connection = ConnectionID(0)
        var session: UInt64 = 0
        var nextNumber: UInt64 = 1
        /// Last number of the master's messages that arrived.
        var received: UInt64 = 0
    }

    private(set) var table: RoutingTable
    private(set) var now = Self.start
    private var owners: [UInt32: Owner] = [:]
    private var connectionCount: UInt64 = 0
    /// Roster writes that etcd has not answered, oldest first.
    private(set) var writes: [(instance: InstanceKey, entry: RosterEntry)] = []
    private(set) var welcomes: [UInt32: LinkWelcome] = [:]
    private(set) var grants: [UInt32: LinkGrant] = [:]
    private(set) var refusals: [LinkRefusal] = []
    private(set) var notes: [RoutingNote] = []

    /// A new master that reads this roster: owner 1, 2, … in these states.
    init(roster: [RosterEntry.State]) {
        let timing = ProtocolTiming()
        let entries = roster.enumerated().map { index, state in
            let number = UInt32(index) + 1
            let entry = RosterEntry(owner: OwnerID(number), generation: Generation(1), state: state, life: UInt64(number))
            return (Self.instance(number), entry)
        }
        table = RoutingTable(
            cluster: "c", authority: Authority(term: Self.term, electionSent: Self.start, timing: timing), electedAt: Self.start,
            timing: timing, roster: entries)
        _ = takeSent()
    }

    static func instance(_ number: UInt32) -> InstanceKey { InstanceKey("owner-\(number)") }
    static func version(_ sequence: UInt64, term: UInt64 = term) -> Version { Version(term: term, sequence: sequence) }

    static func cause(_ owner: UInt32, _ operation: UInt64) -> OperationReference {
        OperationReference(owner: OwnerID(owner), generation: Generation(1), number: operation)
    }

    /// A connection and a new session, without its report.
    @discardableResult
    mutating func connect(
        _ number: UInt32, life: UInt64? = nil, fenced: UInt64 = 0, offersRelay: Bool = false
    ) -> [UInt32: [MasterMessage]] {
        connectionCount += 1
        owners[number] = Owner(connection: ConnectionID(connectionCount))
        var hello = LinkHello(cluster: "c", instance: Self.instance(number), life: life ?? UInt64(number))
        hello.fenced = Generation(fenced)
        hello.isRelay = offersRelay
        hello.readsThroughRelays = offersRelay
        let frame = OwnerFrame(term: 0, session: 0, control: .hello(hello))
        table.received(frame, on: ConnectionID(connectionCount), now: now)
        return flush()
    }

    mutating func disconnect(_ number: UInt32) {
        guard let owner = owners[number] else { return }
        table.disconnected(owner.connection, now: now)
    }

    /// One frame of an owner. It acknowledges what has arrived, unless told otherwise.
    mutating func send(_ number: UInt32, _ messages: [OwnerMessage] = [], heartbeat: Bool = false, acknowledges: Bool = true)
        -> [UInt32: [MasterMessage]]
    {
        guard var owner = owners[number] else { return [:] }
        var frame = OwnerFrame(term: Self.term, session: owner.session, control: heartbeat ? .heartbeat(sentAt: now) : nil)
        frame.first = owner.nextNumber
        frame.messages = messages
        frame.acknowledged = acknowledges ? owner.received : 0
        owner.nextNumber += UInt64(messages.count)
        owners[number] = owner
        table.received(frame, on: owner.connection, now: now)
        return flush()
    }

    /// The whole report of a session, with the heartbeat that comes behind it.
    mutating func report(_ number: UInt32, _ entries: [ReportEntry] = [], pending: [LinkCommit] = []) -> [UInt32: [MasterMessage]] {
        send(number, [.report(ReportPage(entries: entries, pending: pending, isLast: true))], heartbeat: true, acknowledges: false)
    }

    /// Joins with nothing.
    mutating func join(_ number: UInt32, offersRelay: Bool = false) {
        connect(number, offersRelay: offersRelay)
        _ = answerWrites()
        _ = report(number)
    }

    /// etcd answers everything that was written so far.
    mutating func answerWrites() -> [UInt32: [MasterMessage]] {
        let list = writes
        writes = []
        for write in list { table.rosterWritten(write.instance, write.entry, now: now) }
        return flush()
    }

    /// Time passes at a master that keeps its authority and looks often.
    mutating func pass(_ duration: Duration) -> [UInt32: [MasterMessage]] {
        let end = now.advanced(by: duration)
        var sent: [UInt32: [MasterMessage]] = [:]
        while now < end {
            now = min(now.advanced(by: .milliseconds(500)), end)
            table.authority.confirmed(sending: now)
            table.tick(now: now)
            sent.merge(flush()) { $0 + $1 }
        }
        return sent
    }

    /// How much of what concerns many keys each turn does from here on.
    mutating func limitTurns(toSteps steps: Int) { table.stepsPerTurn = steps }

    /// How many lost owners keep their numbers.
    mutating func keepLostOwners(_ count: Int) { table.lostOwnersKept = count }

    /// A turn that nothing but the timer has brought about.
    mutating func turn() -> [UInt32: [MasterMessage]] {
        table.tick(now: now)
        return flush()
    }

    /// What etcd is to say of an owner next; nil when nothing is under way.
    func written(_ number: UInt32) -> RosterEntry.State? { writes.first { $0.instance == Self.instance(number) }?.entry.state }

    private mutating func flush() -> [UInt32: [MasterMessage]] {
        table.workOff(now: now)
        table.flush(now: now)
        return takeSent()
    }

    private mutating func takeSent() -> [UInt32: [MasterMessage]] {
        var sent: [UInt32: [MasterMessage]] = [:]
        for effect in table.takeEffects() {
            switch effect {
            case .send(let connection, let frame):
                guard let number = owners.first(where: { $0.value.connection == connection })?.key else { continue }
                arrived(frame, at: number)
                if !frame.messages.isEmpty { sent[number, default: []] += frame.messages }
            case .writeRoster(let instance, let entry), .replaceRoster(_, let instance, let entry): writes.append((instance, entry))
            case .note(let note): notes.append(note)
            case .close: break
            }
        }
        return sent
    }

    private mutating func arrived(_ frame: MasterFrame, at number: UInt32) {
        switch frame.control {
        case .welcome(let welcome):
            welcomes[number] = welcome
            owners[number]?.session = frame.session
        case .grant(let grant): grants[number] = grant
        case .refused(let refusal): refusals.append(refusal)
        case nil: break
        }
        if !frame.messages.isEmpty { owners[number]?.received = frame.first + UInt64(frame.messages.count) - 1 }
    }
}

extension LinkCommit {
    static func put(_ operation: UInt64, _ key: Key, _ condition: CommitCondition = .none) -> LinkCommit {
        LinkCommit(operation: operation, key: key, kind: .put, byteCount: 10, condition: condition)
    }

    static func remove(_ operation: UInt64, _ key: Key) -> LinkCommit {
        LinkCommit(operation: operation, key: key, kind: .remove, byteCount: 0, condition: .none)
    }
}

extension ReportEntry {
    static func live(_ key: Key, _ version: Version) -> ReportEntry {
        ReportEntry(key: key, version: version, byteCount: 10, parkedBy: nil)
    }

    static func parked(_ key: Key, _ version: Version, by cause: OperationReference) -> ReportEntry {
        ReportEntry(key: key, version: version, byteCount: 10, parkedBy: cause)
    }
}
