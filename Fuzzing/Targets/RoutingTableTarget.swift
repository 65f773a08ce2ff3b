import FluxonCore
import FluxonMaster

/// The master's rules against whatever owners send, in any order and with any numbers, while connections come and go and time passes:
/// nothing traps, nothing in the table contradicts itself, and once everybody is gone nothing waits any more.
enum RoutingTableTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        var script = ByteScript(input)
        var stage = RoutingStage(&script)
        for _ in 0..<200 where !script.isOver { stage.step(&script) }
        stage.end()
    }
}

/// A routing table with the connections of a few owners and the roster.
private struct RoutingStage {
    private static let start = BootInstant(nanoseconds: 1_000_000_000_000)
    private static let owners = 3
    private static let keys = (0..<4).compactMap { try? Key("key \($0)") }
    private static let timing = ProtocolTiming()

    /// What one owner would know.
    private struct Peer {
        var connection: ConnectionID?
        var session: UInt64 = 0
        /// Of the next message.
        var next: UInt64 = 1
        var operation: UInt64 = 0
        var generation: UInt64 = 0
    }

    private var table: RoutingTable
    private var peers = [Peer](repeating: Peer(), count: Self.owners)
    private var writes: [(instance: InstanceKey, entry: RosterEntry)] = []
    private var now = Self.start
    private var lastConnection: UInt64 = 0

    init(_ script: inout ByteScript) {
        var roster: [(InstanceKey, RosterEntry)] = []
        for number in 0..<script.below(Self.owners + 1) {
            // Beyond 62 a holder set has another form.
            let owner = OwnerID(UInt32(script.below(4) == 3 ? 62 + script.below(8) : number + 1))
            let states: [RosterEntry.State] = [.in, .lost, .bypassed(term: script.number())]
            let entry = RosterEntry(
                owner: owner, generation: Generation(script.number()), state: states[script.below(3)], life: UInt64(number))
            roster.append((Self.name(number), entry))
        }
        let authority = Authority(term: 3, electionSent: now, timing: Self.timing)
        table = RoutingTable(cluster: "c", authority: authority, electedAt: now, timing: Self.timing, roster: roster)
        table.backlogLimit = 64
        // So that what others do comes between its pieces.
        table.stepsPerTurn = 1
    }

    private static func name(_ owner: Int) -> InstanceKey { InstanceKey("owner-\(owner)") }

    mutating func step(_ script: inout ByteScript) {
        let owner = script.below(Self.owners)
        switch script.below(9) {
        case 0: greet(owner, &script)
        case 1: disconnect(owner)
        case 2: answerRoster()
        case 3: pass(.milliseconds(script.below(256) * 40))
        case 4: raw(owner, &script)
        default: send(owner, &script)
        }
        if script.chance() { table.authority.confirmed(sending: now) }
        if script.chance() { finishTurn() }
        check()
    }

    /// Everybody leaves, and every wait of the protocol passes.
    mutating func end() {
        table.stepsPerTurn = Limits.masterTurnSteps
        for owner in peers.indices { disconnect(owner) }
        for _ in 0..<40 {
            table.authority.confirmed(sending: now)
            finishTurn()
            while !writes.isEmpty { answerRoster() }
            pass(.seconds(1))
            check()
        }
        if table.runningOperationCount > 0 { fatalError("\(table.runningOperationCount) operations wait for ever") }
    }

    private mutating func greet(_ owner: Int, _ script: inout ByteScript) {
        lastConnection += 1
        let connection = ConnectionID(lastConnection)
        peers[owner].connection = connection
        var hello = LinkHello(
            cluster: script.byte() == 77 ? "d" : "c", instance: Self.name(owner), life: UInt64(script.below(4) == 3 ? 9 : owner))
        hello.generation = Generation(script.chance() ? peers[owner].generation : script.number())
        hello.fenced = Generation(script.chance() ? 0 : script.number())
        hello.term = script.chance() ? 3 : script.number()
        hello.session = script.chance() ? peers[owner].session : script.number()
        hello.received = script.number()
        hello.readsThroughRelays = true
        hello.isRelay = owner != 1
        table.received(OwnerFrame(term: hello.term, session: hello.session, control: .hello(hello)), on: connection, now: now)
    }

    private mutating func disconnect(_ owner: Int) {
        guard let connection = peers[owner].connection else { return }
        peers[owner].connection = nil
        table.disconnected(connection, now: now)
    }

    private mutating func answerRoster() {
        guard !writes.isEmpty else { return }
        let write = writes.removeFirst()
        table.rosterWritten(write.instance, write.entry, now: now)
    }

    private mutating func pass(_ time: Duration) {
        now = now.advanced(by: time)
        table.tick(now: now)
        _ = table.nextTimer
    }

    /// A frame as it comes off the wire.
    private mutating func raw(_ owner: Int, _ script: inout ByteScript) {
        guard let connection = peers[owner].connection, let frame = try? OwnerFrame(decoding: script.block()) else { return }
        table.received(frame, on: connection, now: now)
    }

    private mutating func send(_ owner: Int, _ script: inout ByteScript) {
        guard let connection = peers[owner].connection else { return }
        var frame = OwnerFrame(term: 3, session: peers[owner].session)
        for _ in 0...script.below(3) { frame.messages.append(message(owner, &script)) }
        frame.first = script.byte() < 250 ? peers[owner].next : script.number()
        frame.acknowledged = script.below(8) == 7 ? script.number() : 0
        if script.chance() { frame.control = .heartbeat(sentAt: BootInstant(nanoseconds: script.number())) }
        peers[owner].next &+= UInt64(frame.messages.count)
        table.received(frame, on: connection, now: now)
    }

    private mutating func message(_ owner: Int, _ script: inout ByteScript) -> OwnerMessage {
        switch script.below(8) {
        case 0, 1: return .commit(commit(owner, &script))
        case 2: return .taken(operation: operation(owner, &script))
        case 3: return .confirm(upTo: script.number())
        case 4:
            let wants: LinkLookup.Wants = script.chance() ? .copy : .metadata
            return .lookup(LinkLookup(lookup: script.number(), key: key(&script), wants: wants))
        case 5: return .drop(key(&script), version(&script))
        case 6: return .unreachable((0..<script.below(3)).map { _ in OwnerID(UInt32(truncatingIfNeeded: script.number())) })
        default:
            let entries = (0..<script.below(3)).map { _ in
                ReportEntry(
                    key: key(&script), version: version(&script), byteCount: script.number(),
                    parkedBy: script.chance() ? reference(&script) : nil)
            }
            let pending = (0..<script.below(3)).map { _ in commit(owner, &script) }
            return .report(ReportPage(entries: entries, pending: pending, isLast: script.chance()))
        }
    }

    private mutating func commit(_ owner: Int, _ script: inout ByteScript) -> LinkCommit {
        let conditions: [CommitCondition] = [.none, .absent, .present, .version(version(&script))]
        return LinkCommit(
            operation: operation(owner, &script), key: key(&script), kind: script.chance() ? .put : .remove, byteCount: script.number(),
            condition: conditions[script.below(4)])
    }

    /// A new one as a rule, else one of the last.
    private mutating func operation(_ owner: Int, _ script: inout ByteScript) -> UInt64 {
        let choice = script.byte()
        if choice < 128 {
            peers[owner].operation += 1
            return peers[owner].operation
        }
        return choice < 250 ? peers[owner].operation &- UInt64(choice & 3) : script.number()
    }

    private func key(_ script: inout ByteScript) -> Key { Self.keys[script.below(Self.keys.count)] }

    private func version(_ script: inout ByteScript) -> Version {
        Version(term: script.chance() ? 3 : script.number(), sequence: script.number())
    }

    private func reference(_ script: inout ByteScript) -> OperationReference {
        OperationReference(
            owner: OwnerID(UInt32(truncatingIfNeeded: script.number())), generation: Generation(script.number()), number: script.number())
    }

    private mutating func finishTurn() {
        table.workOff(now: now)
        table.flush(now: now)
        for effect in table.takeEffects() {
            switch effect {
            case .send(let connection, let frame):
                // What goes out is what the codec can carry.
                guard (try? MasterFrame(decoding: frame.encoded())) == frame else {
                    fatalError("a frame does not survive its codec: \(frame)")
                }
                guard case .welcome(let welcome) = frame.control, let owner = peers.firstIndex(where: { $0.connection == connection })
                else {
                    continue
                }
                peers[owner].session = frame.session
                peers[owner].generation = welcome.generation.number
                peers[owner].next = welcome.received + 1
            case .close(let connection):
                guard let owner = peers.firstIndex(where: { $0.connection == connection }) else { continue }
                disconnect(owner)
            case .writeRoster(let instance, let entry), .replaceRoster(_, let instance, let entry): writes.append((instance, entry))
            case .note: break
            }
        }
    }

    private func check() {
        if let inconsistency = table.inconsistency { fatalError(inconsistency) }
    }
}
