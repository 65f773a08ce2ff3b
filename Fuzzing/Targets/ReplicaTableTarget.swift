import FluxonCore
import FluxonOwner

/// An owner's rules against whatever a master sends, in any order and with any numbers, while gets, commits, fetches, evictions and time
/// go on: nothing traps, nothing in the table contradicts itself, every reference on an extent has one holder, and every get and commit
/// is answered once, at its deadline at the latest.
enum ReplicaTableTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        var script = ByteScript(input)
        var stage = ReplicaStage(room: script.below(64))
        for _ in 0..<200 where !script.isOver { stage.step(&script) }
        stage.end()
    }
}

/// A replica table with its master's link, its fetches and its callers.
private struct ReplicaStage: ~Copyable {
    private static let keys = (0..<4).compactMap { try? Key("key \($0)") }
    /// Longer than every deadline of a caller, in seconds.
    private static let patience = 300

    private var table: ReplicaTable<CountingCopyStore>
    private var now = BootInstant(nanoseconds: 1_000_000_000_000)
    private var fetches: [FetchRequest] = []
    private var waiting: Set<WaiterID> = []
    private var committing: Set<OperationToken> = []
    private var lastName: UInt64 = 0
    /// Of the master: the link's next number, the term and the session that it is in.
    private var next: UInt64 = 1
    private var term: UInt64 = 1
    private var session: UInt64 = 0

    init(room: Int) {
        var store = CountingCopyStore()
        store.room = room
        table = ReplicaTable(store: store, configuration: .init(cluster: "c", instance: InstanceKey("owner-1"), life: 7))
    }

    mutating func step(_ script: inout ByteScript) {
        switch script.below(16) {
        case 0: table.connected(now: now)
        case 1: table.disconnected(now: now)
        case 2: welcome(&script)
        case 3: raw(&script)
        case 4, 5: get(&script)
        case 6, 7: commit(&script)
        case 8: endFetch(&script)
        case 9: local(&script)
        case 10: pass(.milliseconds(script.below(256) * 20))
        default: send(&script)
        }
        if script.chance() { finishTurn() }
        check()
    }

    mutating func end() {
        table.disconnected(now: now)
        for _ in 0..<2 {
            pass(.seconds(Self.patience))
            finishTurn()
            check()
        }
        if table.unansweredCount > 0 || !waiting.isEmpty || !committing.isEmpty {
            fatalError("\(table.unansweredCount) calls are not answered: \(waiting) \(committing)")
        }
    }

    // MARK: The master

    private mutating func welcome(_ script: inout ByteScript) {
        let isResumed = script.chance()
        if !isResumed {
            session += 1
            next = 1
            if script.chance() { term &+= UInt64(script.below(3)) }
        }
        var welcome = LinkWelcome(
            owner: OwnerID(UInt32(truncatingIfNeeded: script.number())), generation: Generation(script.number()), isResumed: isResumed,
            received: script.number(), keepsNothing: script.below(8) == 7)
        welcome.choosesRelays = true
        table.received(MasterFrame(term: term, session: session, control: .welcome(welcome)), now: now)
    }

    private mutating func raw(_ script: inout ByteScript) {
        if let frame = try? MasterFrame(decoding: script.block()) { table.received(frame, now: now) }
    }

    private mutating func send(_ script: inout ByteScript) {
        var frame = MasterFrame(term: term, session: session)
        for _ in 0..<script.below(4) { frame.messages.append(message(&script)) }
        frame.first = script.byte() < 250 ? next : script.number()
        frame.acknowledged = script.below(8) == 7 ? script.number() : 0
        if script.chance() {
            let sentAt = script.byte() < 240 ? now : BootInstant(nanoseconds: script.number())
            frame.control = .grant(
                LinkGrant(sentAt: sentAt, length: .seconds(Int64(script.below(4))), barrier: script.chance() ? 0 : script.number()))
        }
        next &+= UInt64(frame.messages.count)
        table.received(frame, now: now)
    }

    private func message(_ script: inout ByteScript) -> MasterMessage {
        switch script.below(6) {
        case 0:
            let outcomes: [CommitOutcome] = [
                .committed(version(&script)), .conditionFailed(nil), .conditionFailed(version(&script)), .unknown,
            ]
            return .done(operation: script.number(), outcomes[script.below(4)], publishes: script.chance())
        case 1:
            let (number, key, cause) = (script.number(), key(&script), script.chance() ? reference(&script) : nil)
            return .invalidate(Invalidation(number: number, key: key, upTo: version(&script), cause: cause))
        case 2:
            let (one, other) = (script.number(), script.number())
            return .settled(min(one, other)...max(one, other))
        case 3: return .restore(key(&script), version(&script))
        default:
            let holders = (0..<script.below(3)).map { OwnerID(UInt32($0)) }
            let copy = FoundCopy(
                version: version(&script), byteCount: script.number(), holders: holders, isRegistered: script.chance())
            let contents: [LookupAnswer.Content] = [.absent, .metadata(version(&script), byteCount: 9), .copy(copy), .copy(copy)]
            return .found(LookupAnswer(lookup: script.number(), content: contents[script.below(4)]))
        }
    }

    private func key(_ script: inout ByteScript) -> Key { Self.keys[script.below(Self.keys.count)] }

    private func version(_ script: inout ByteScript) -> Version { Version(term: 1, sequence: UInt64(script.below(4))) }

    private func reference(_ script: inout ByteScript) -> OperationReference {
        OperationReference(owner: OwnerID(UInt32(script.below(3))), generation: Generation(script.number()), number: script.number())
    }

    // MARK: Callers

    private mutating func newName() -> UInt64 {
        lastName += 1
        return lastName
    }

    private func deadline(_ script: inout ByteScript) -> BootInstant { now.advanced(by: .seconds(script.below(Self.patience))) }

    private mutating func get(_ script: inout ByteScript) {
        let waiter = WaiterID(newName())
        waiting.insert(waiter)
        table.get(
            GetRequest(
                waiter: waiter, key: key(&script), wants: script.chance() ? .value : .metadata,
                consistency: script.chance() ? .current : .local, deadline: deadline(&script)),
            now: now)
        guard script.below(8) == 7 else { return }
        // An answer may be among the effects already.
        perform()
        table.cancel(waiter)
        waiting.remove(waiter)
    }

    private mutating func commit(_ script: inout ByteScript) {
        let token = OperationToken(process: 1, counter: newName())
        committing.insert(token)
        let value = script.chance() ? CommitRequest<Int>.Value(extent: table.store.newExtent(), byteCount: script.number(), flags: 0) : nil
        table.commit(CommitRequest(token: token, key: key(&script), value: value, deadline: deadline(&script)), now: now)
    }

    private mutating func endFetch(_ script: inout ByteScript) {
        guard !fetches.isEmpty else { return }
        let request = fetches.remove(at: script.below(fetches.count))
        let results: [() -> FetchResult<Int>] = [{ .failed }, { .noRoom }]
        let choice = script.below(4)
        let result = choice < 2 ? .arrived(extent: table.store.newExtent(), flags: 0) : results[choice - 2]()
        table.fetched(request.fetch, request, result, now: now)
    }

    private mutating func local(_ script: inout ByteScript) {
        if script.chance() {
            _ = table.evict(key(&script))
        } else if case .copy(let copy) = table.source(key(&script), version(&script)) {
            table.store.release(copy.extent)
        }
    }

    private mutating func pass(_ time: Duration) {
        now = now.advanced(by: time)
        table.tick(now: now)
        _ = table.nextTimer
    }

    private mutating func finishTurn() {
        table.flush(now: now)
        perform()
    }

    private mutating func perform() {
        for effect in table.takeEffects() {
            switch effect {
            case .send(let frame):
                guard (try? OwnerFrame(decoding: frame.encoded())) == frame else {
                    fatalError("a frame does not survive its codec: \(frame)")
                }
            case .startFetch(let request): fetches.append(request)
            case .answerGet(let waiter, let answer):
                guard waiting.remove(waiter) != nil else { fatalError("\(waiter) is answered twice") }
                if case .value(let copy, _) = answer { table.store.release(copy.extent) }
            case .answerCommit(let token, _):
                guard committing.remove(token) != nil else { fatalError("\(token) is answered twice") }
            case .refused, .reconnect: break
            }
        }
    }

    private mutating func check() {
        if let inconsistency = table.inconsistency { fatalError(inconsistency) }
        // Answers that wait among the effects hold references of their own.
        perform()
        let expected = table.heldReferences.merging(table.store.publishedReferences, uniquingKeysWith: +)
        if expected != table.store.references { fatalError("references are \(table.store.references), their holders \(expected)") }
    }
}
