import FluxonCore
import FluxonMaster
import FluxonSystem

/// One term of a master whose owners exist on paper only: each call is one turn of the master's loop as `RoutingActor` makes it, timed,
/// frames encoded as they would leave. Its clock is virtual and runs on by what each turn took.
struct StagedTerm {
    private struct Owner {
        var connection: ConnectionID
        var session: UInt64 = 0
        var nextNumber: UInt64 = 1
        var received: UInt64 = 0
    }

    private(set) var table: RoutingTable
    private(set) var now = BootInstant(nanoseconds: 1_000_000_000_000)
    private(set) var turns = TurnTally()
    /// Heartbeats that were granted.
    private(set) var grants = 0
    private var owners: [UInt32: Owner] = [:]
    private var numbers: [ConnectionID: UInt32] = [:]
    private var writes: [(instance: InstanceKey, entry: RosterEntry)] = []
    private var nextRenewal: BootInstant

    static let term: UInt64 = 3

    /// - Parameter owners: As many that an earlier term has left in the roster, all `in`.
    init(owners count: Int) {
        let timing = ProtocolTiming()
        let roster = (0..<count).map { index in
            let number = UInt32(index) + 1
            let entry = RosterEntry(owner: OwnerID(number), generation: Generation(1), state: .in, life: UInt64(number))
            return (Self.instance(number), entry)
        }
        let authority = Authority(term: Self.term, electionSent: now, timing: timing)
        table = RoutingTable(cluster: "turns", authority: authority, electedAt: now, timing: timing, roster: roster)
        nextRenewal = now
        _ = table.takeEffects()
    }

    static func instance(_ number: UInt32) -> InstanceKey { InstanceKey("owner-\(number)") }

    // MARK: What owners do

    /// Some owners say hello in one turn.
    mutating func connect(_ range: ClosedRange<UInt32>) {
        turn { table, now, owners in
            for number in range {
                let connection = ConnectionID(UInt64(number))
                owners[number] = Owner(connection: connection)
                let hello = LinkHello(cluster: "turns", instance: Self.instance(number), life: UInt64(number))
                table.received(OwnerFrame(term: 0, session: 0, control: .hello(hello)), on: connection, now: now)
            }
        }
        for number in range { numbers[ConnectionID(UInt64(number))] = number }
        settleWrites()
    }

    /// One frame of each of these owners, in one turn.
    mutating func send(_ frames: [(owner: UInt32, messages: [OwnerMessage])], heartbeat: Bool = false) {
        turn { table, now, owners in
            for (number, messages) in frames {
                guard var owner = owners[number] else { continue }
                var frame = OwnerFrame(term: Self.term, session: owner.session, control: heartbeat ? .heartbeat(sentAt: now) : nil)
                frame.first = owner.nextNumber
                frame.messages = messages
                frame.acknowledged = owner.received
                owner.nextNumber += UInt64(messages.count)
                owners[number] = owner
                table.received(frame, on: owner.connection, now: now)
            }
        }
        settleWrites()
    }

    // MARK: Time

    /// Lets the timers fire that are due until then; the authority is renewed every second.
    mutating func pass(until end: BootInstant) {
        while table.nextTimer <= end || nextRenewal <= end {
            if nextRenewal <= table.nextTimer {
                now = max(now, nextRenewal)
                nextRenewal = now.advanced(by: .seconds(1))
                turn { table, now, _ in table.authority.confirmed(sending: now) }
            } else {
                now = max(now, table.nextTimer)
                turn { table, now, _ in table.tick(now: now) }
            }
            settleWrites()
            // What a turn left over is due at once, and what others want comes between.
            if now >= end { break }
        }
        now = max(now, end)
    }

    private mutating func settleWrites() {
        while !writes.isEmpty {
            let list = writes
            writes = []
            for write in list { turn { table, now, _ in table.rosterWritten(write.instance, write.entry, now: now) } }
        }
    }

    private mutating func turn(_ body: (inout RoutingTable, BootInstant, inout [UInt32: Owner]) -> Void) {
        let start = BootClock.now
        body(&table, now, &owners)
        table.workOff(now: now)
        table.flush(now: now)
        let effects = table.takeEffects()
        for case .send(_, let frame) in effects { _ = frame.encoded() }
        _ = table.nextTimer
        let took = BootClock.now.since(start)
        turns.add(took)
        now = now.advanced(by: took)
        for effect in effects { perform(effect) }
    }

    private mutating func perform(_ effect: RoutingEffect) {
        switch effect {
        case .send(let connection, let frame):
            guard let number = numbers[connection] ?? UInt32(exactly: connection.number) else { return }
            if case .welcome = frame.control { owners[number]?.session = frame.session }
            if case .grant = frame.control { grants += 1 }
            if !frame.messages.isEmpty { owners[number]?.received = frame.first + UInt64(frame.messages.count) - 1 }
        case .writeRoster(let instance, let entry), .replaceRoster(_, let instance, let entry): writes.append((instance, entry))
        case .close, .note: break
        }
    }

    /// Begins another measurement of the same term.
    mutating func takeTurns() -> TurnTally {
        defer { turns = TurnTally() }
        return turns
    }
}

/// How long turns of a loop took.
struct TurnTally {
    private(set) var count = 0
    private(set) var longest = Duration.zero
    private(set) var total = Duration.zero

    mutating func add(_ duration: Duration) {
        count += 1
        total += duration
        longest = max(longest, duration)
    }
}
