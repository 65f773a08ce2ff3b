import FluxonCore
import FluxonOwner

/// One owner's rules between a master and processes that do what a test says: a base of suites.
class ScriptedOwner {
    static let start = BootInstant(nanoseconds: 1_000_000_000_000)
    static let deadline = start.advanced(by: .seconds(2))
    var table: ReplicaTable<DictionaryCopyStore>
    let key: Key
    private var term: UInt64 = 3
    private var session: UInt64 = 1
    private var number: UInt64 = 1
    /// Number of the last message that the owner sent in its session.
    private var sentCount: UInt64 = 0

    /// An owner in a session, with a lease of three seconds.
    init(turnSteps: Int = Limits.ownerTurnSteps) throws {
        var configuration = ReplicaConfiguration(cluster: "c", instance: InstanceKey("owner"), life: 5)
        configuration.turnSteps = turnSteps
        table = ReplicaTable(store: DictionaryCopyStore(), configuration: configuration)
        key = try Key("key")
        enter(term: 3, session: 1)
        _ = turn()
        grant(at: Self.start)
    }

    /// A new connection with a new session: the report is due.
    func enter(term: UInt64, session: UInt64, keepsNothing: Bool = false) {
        (self.term, self.session, number, sentCount) = (term, session, 1, 0)
        table.disconnected(now: Self.start)
        table.connected(now: Self.start)
        let welcome = LinkWelcome(
            owner: OwnerID(1), generation: Generation(1), isResumed: false, received: 0, keepsNothing: keepsNothing)
        table.received(MasterFrame(term: term, session: session, control: .welcome(welcome)), now: Self.start)
    }

    func grant(at now: BootInstant) {
        let grant = LinkGrant(sentAt: now, length: .seconds(3), barrier: number - 1)
        table.received(MasterFrame(term: term, session: session, control: .grant(grant)), now: now)
    }

    /// One frame of the master, and the effects of the turn: messages apart from the rest.
    func receive(_ messages: [MasterMessage], at now: BootInstant = start) -> (sent: [OwnerMessage], rest: [ReplicaEffect<Int>]) {
        var frame = MasterFrame(term: term, session: session)
        frame.first = number
        frame.messages = messages
        number += UInt64(messages.count)
        table.received(frame, now: now)
        return turn(at: now)
    }

    /// The master has processed what this owner has sent.
    func acknowledge() {
        var frame = MasterFrame(term: term, session: session)
        frame.acknowledged = sentCount
        table.received(frame, now: Self.start)
    }

    func turn(at now: BootInstant = start) -> (sent: [OwnerMessage], rest: [ReplicaEffect<Int>]) {
        table.flush(now: now)
        var sent: [OwnerMessage] = []
        var rest: [ReplicaEffect<Int>] = []
        for effect in table.takeEffects() {
            guard case .send(let frame) = effect else {
                rest.append(effect)
                continue
            }
            sent += frame.messages
            if !frame.messages.isEmpty { sentCount = frame.first + UInt64(frame.messages.count) - 1 }
        }
        return (sent, rest)
    }

    func put(_ counter: UInt64, extent: Int, condition: CommitCondition = .none) {
        table.store.retain(extent)
        commit(counter, .init(extent: extent, byteCount: 8, flags: 0), condition)
    }

    func remove(_ counter: UInt64) { commit(counter, nil, .none) }

    private func commit(_ counter: UInt64, _ value: CommitRequest<Int>.Value?, _ condition: CommitCondition) {
        table.commit(
            CommitRequest(token: token(counter), key: key, value: value, condition: condition, deadline: Self.deadline), now: Self.start)
    }

    func get(_ waiter: UInt64, at now: BootInstant = start) {
        table.get(GetRequest(waiter: WaiterID(waiter), key: key, deadline: Self.deadline), now: now)
    }

    func version(_ sequence: UInt64) -> Version { Version(term: 3, sequence: sequence) }

    func copy(_ extent: Int, _ sequence: UInt64) -> StoredCopy<Int> {
        StoredCopy(extent: extent, byteCount: 8, version: version(sequence), flags: 0)
    }

    func token(_ counter: UInt64) -> OperationToken { OperationToken(process: 1, counter: counter) }
}
