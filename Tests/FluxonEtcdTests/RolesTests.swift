import FluxonCore
import FluxonEtcd
import FluxonSystem
import FluxonTestFiles
import Foundation
import Testing

/// What roles make of leases, watches and transactions.
@Suite(.timeLimit(.minutes(1))) struct RolesTests {
    private let election = LeaderElection(key: "/fluxon/test/master/leader", history: "/fluxon/test/master/history")

    private static func line(_ name: String) -> AttributeLine { AttributeLine([("instance", name)]) }

    @Test("one candidate leads; the next follows when the first resigns or its lease ends, in a higher term", arguments: Backend.allCases)
    func campaign(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let election = election
            let client = fixture.client
            let first = try await client.campaign(election, line: Self.line("one"), ttl: .seconds(5), onLost: {})
            let others = Recorder<String>()
            let waiting = Task {
                try await client.campaign(election, line: Self.line("two"), ttl: .seconds(5), onLost: {}) {
                    others.record(AttributeLine(parsing: $0.valueText)?["instance"] ?? "")
                }
            }
            #expect(try await others.next() == "one")
            #expect(try await client.transaction(election.guarded(by: first.value, [.put("roster/a", "in")])).succeeded)
            #expect(try await client.transaction(election.resignation(of: first.value)).succeeded)
            let second = try await waiting.value
            #expect(second.term > first.term)
            let late = try await client.transaction(election.guarded(by: first.value, [.put("roster/a", "lost")]))
            #expect(!late.succeeded && election.isOver(first.value, after: late))
            #expect(try await client.get("roster/a")?.valueText == "in")
            let third = Task { try await client.campaign(election, line: Self.line("three"), ttl: .seconds(5), onLost: {}) }
            try await client.revoke(second.lease.id)
            #expect(try await third.value.term > second.term)
        }
    }

    @Test("a candidate that loses its lease while it waits wins with another, and hears of no loss")
    func lossWhileWaiting() async throws {
        try await Fixture.with(.embedded) { fixture in
            let election = election
            let client = fixture.client
            let first = try await client.campaign(election, line: Self.line("one"), ttl: .seconds(60), onLost: {})
            let others = Recorder<String>()
            let waiting = Task {
                try await client.campaign(election, line: Self.line("two"), ttl: .seconds(2), onLost: { Issue.record("told of a loss") }) {
                    others.record(AttributeLine(parsing: $0.valueText)?["instance"] ?? "")
                }
            }
            #expect(try await others.next() == "one")
            let other = try await readyClient([fixture.endpoint], loop: client.loop)
            for lease in try await other.leaseIDs() where lease != first.lease.id { try await other.revoke(lease) }
            try await other.revoke(first.lease.id)
            let second = try await waiting.value
            #expect(second.term > first.term)
            #expect(try await client.get(election.key)?.lease == second.lease.id)
            await other.close()
        }
    }

    @Test("a candidate whose answer was lost recognises its own leadership")
    func ownLeadership() async throws {
        try await Fixture.with(.embedded) { fixture in
            let client = fixture.client
            let lease = try await client.grantUnkeptLease(ttlSeconds: 60)
            func ballot(_ random: UInt64) async throws -> LeaderElection.Ballot {
                election.ballot(after: try await client.transaction(election.reading), line: Self.line("one"), random: random)
            }
            let first = try await ballot(1)
            let won = try await client.transaction(election.campaign(first, lease: lease.id))
            let elected = LeaderElection.Outcome.elected(term: first.term, value: first.value, history: first.history)
            #expect(election.outcome(of: won, ballot: first, lease: lease.id) == elected)
            // With another chance, and so another term: the one that was written holds.
            let second = try await ballot(2)
            let again = try await client.transaction(election.campaign(second, lease: lease.id))
            #expect(election.outcome(of: again, ballot: second, lease: lease.id) == elected)
        }
    }

    @Test("presence is written again after its lease is lost, and goes with the task that keeps it", arguments: Backend.allCases)
    func presence(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let changes = Recorder<EtcdWatchEvent>()
            _ = try await client.watch(.key("presence/a"), from: 1) { changes.record($0) }
            let keeper = Task { try await client.keepPresent("presence/a", Array("here".utf8), ttl: .seconds(4)) }
            #expect(try await changes.changes(1) == ["put presence/a=here"])
            let lease = try #require(try await client.get("presence/a")?.lease)
            let other = try await readyClient([fixture.endpoint], loop: client.loop)
            try await other.revoke(lease)
            #expect(try await changes.changes(2) == ["delete presence/a", "put presence/a=here"])
            keeper.cancel()
            #expect(try await changes.changes(1) == ["delete presence/a"])
            await other.close()
        }
    }

    @Test("presence goes with its task also when that ends before it knows that the key is written", arguments: Backend.allCases)
    func shortPresence(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let changes = Recorder<EtcdWatchEvent>()
            let loop = try EventLoop.started(name: "test-watcher")
            defer { loop.stop() }
            let watcher = try await readyClient([fixture.endpoint], loop: loop)
            _ = try await watcher.watch(.key("presence/a"), from: 1) { changes.record($0) }
            for _ in 0..<200 {
                // The watcher may hear of it before the keeper does.
                let keeper = Task { try await client.keepPresent("presence/a", Array("here".utf8), ttl: .seconds(60)) }
                #expect(try await changes.changes(1) == ["put presence/a=here"])
                keeper.cancel()
                #expect(try await changes.changes(1) == ["delete presence/a"])
            }
            await watcher.close()
        }
    }

    @Test("a mirror tells what is there, then what changes, and all again where changes were forgotten")
    func mirror() async throws {
        let loop = try EventLoop.started(name: "test-client")
        defer { loop.stop() }
        let folder = try TemporaryFolder()
        let process = try EtcdProcess(folder: folder)
        defer { process.kill() }
        let client = try await readyClient([process.endpoint], loop: loop)
        let other = try await readyClient([process.endpoint], loop: loop)
        try await client.put("m/a", "1")
        let events = Recorder<String>()
        let mirror = Task {
            try await client.mirror(.prefix("m/")) { event in
                switch event {
                case .snapshot(let keyValues, _):
                    events.record("all " + keyValues.map { "\($0.keyText)=\($0.valueText)" }.joined(separator: " "))
                case .changes(let changes, _): changes.forEach { events.record($0.text) }
                }
            }
        }
        #expect(try await events.next() == "all m/a=1")
        try await client.put("m/b", "1")
        #expect(try await events.next() == "put m/b=1")
        // A new etcd on the same port: another cluster, with another history.
        process.kill()
        try FileManager.default.removeItem(atPath: folder.file("etcd-\(process.port)"))
        try process.start()
        _ = try await other.status(timeout: .seconds(20))
        try await other.put("m/c", "1", timeout: .seconds(20))
        let again = try await events.collect { $0.last == "all m/c=1" || $0.last == "put m/c=1" }
        #expect(again == ["all m/c=1"] || again == ["all ", "put m/c=1"])
        mirror.cancel()
        _ = await mirror.result
        await client.close()
        await other.close()
    }
}
