import FluxonCore
import FluxonOwner
import Testing

/// How many lookups an owner has out, and what stays of gets that end without an answer: neither grows with time.
final class ReplicaLookupTests: ScriptedOwner {
    private func get(_ waiter: UInt64, _ name: String, wants: GetRequest.Wants = .value, at now: BootInstant) throws {
        let deadline = now.advanced(by: .seconds(1))
        table.get(GetRequest(waiter: WaiterID(waiter), key: try Key(name), wants: wants, deadline: deadline), now: now)
    }

    private func lookups(_ sent: [OwnerMessage]) -> Int {
        sent.count { if case .lookup = $0 { true } else { false } }
    }

    @Test("without a link nothing is looked up, and gets that ended leave nothing", arguments: [GetRequest.Wants.value, .metadata])
    func away(wants: GetRequest.Wants) throws {
        table.disconnected(now: Self.start)
        var now = Self.start
        for round in 0..<50 {
            for number in 0..<100 { try get(UInt64(round * 100 + number), "key-\(round)-\(number)", wants: wants, at: now) }
            now = now.advanced(by: .seconds(2))
            table.tick(now: now)
        }
        let effects = turn(at: now)
        #expect(lookups(effects.sent) == 0 && table.unansweredCount == 0 && table.busyKeyCount == 0)
        #expect(table.pendingTimerCount < 1000)
        #expect(table.inconsistency == nil)
    }

    @Test("gets that are cancelled leave nothing either")
    func cancelled() throws {
        table.disconnected(now: Self.start)
        for number: UInt64 in 0..<100 {
            try get(number, "key-\(number % 7)", at: Self.start)
            table.cancel(WaiterID(number))
        }
        #expect(table.busyKeyCount == 0 && table.inconsistency == nil)
    }

    @Test("what waited for the link is looked up when it is back")
    func back() throws {
        table.disconnected(now: Self.start)
        for number: UInt64 in 0..<10 { try get(number, "key-\(number % 2)", at: Self.start) }
        try get(10, "key-2", wants: .metadata, at: Self.start)
        enter(term: 3, session: 2)
        #expect(lookups(turn().sent) == 3)
        #expect(table.inconsistency == nil)
    }

    @Test("without validity gets of one key share a lookup once a few are out", arguments: [GetRequest.Wants.value, .metadata])
    func shared(wants: GetRequest.Wants) throws {
        // The lease of the base is over.
        let now = Self.start.advanced(by: .seconds(10))
        for number: UInt64 in 0..<1000 { try get(number, "key", wants: wants, at: now) }
        let sent = turn(at: now).sent
        #expect(lookups(sent) == Limits.lookupsOfKey)
        guard case .lookup(let first) = sent.first(where: { if case .lookup = $0 { true } else { false } }) else { return }
        let next = receive([.found(LookupAnswer(lookup: first.lookup, content: .absent))], at: now)
        #expect(lookups(next.sent) == 1)
        #expect(table.inconsistency == nil)
    }

    @Test("no more lookups are out than the limit; the next go as answers come, and those whose gets ended do not")
    func bounded() throws {
        for number in 0..<UInt64(Limits.lookups + 3) { try get(number, "key-\(number)", at: Self.start) }
        #expect(lookups(turn().sent) == Limits.lookups)
        table.cancel(WaiterID(UInt64(Limits.lookups)))
        let answers = (1...2).map { MasterMessage.found(LookupAnswer(lookup: UInt64($0), content: .absent)) }
        #expect(lookups(receive(answers).sent) == 2)
        #expect(table.busyKeyCount == Limits.lookups)
        #expect(table.inconsistency == nil)
    }

    @Test("a backlog over its limit ends the session while the link is away too")
    func backlog() throws {
        var configuration = ReplicaConfiguration(cluster: "c", instance: InstanceKey("owner"), life: 5)
        configuration.backlogLimit = 100
        table = ReplicaTable(store: DictionaryCopyStore(), configuration: configuration)
        enter(term: 3, session: 1)
        _ = turn()
        table.disconnected(now: Self.start)
        for number in 0...100 {
            let keyOfNumber = try Key("key-\(number)")
            table.commit(
                CommitRequest(token: token(UInt64(number) + 2), key: keyOfNumber, value: nil, condition: .none, deadline: Self.deadline),
                now: Self.start)
        }
        #expect(table.sessionNumber != nil)
        _ = turn()
        #expect(table.sessionNumber == nil)
    }
}
