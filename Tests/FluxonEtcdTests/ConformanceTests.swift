import FluxonEtcd
import Foundation
import Testing

/// One suite for the real etcd and the embedded one: what Fluxon relies on.
@Suite(.timeLimit(.minutes(1))) struct ConformanceTests {
    @Test("put, get, delete, and their revisions", arguments: Backend.allCases)
    func keys(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            #expect(try await client.get("a") == nil)
            let first = try await client.put("a", "1")
            #expect(first.previous == nil)
            let second = try await client.put("a", "2")
            #expect(second.revision == first.revision + 1 && second.previous?.valueText == "1")
            let found = try #require(try await client.get("a"))
            #expect(found.createRevision == first.revision && found.modRevision == second.revision && found.version == 2)
            let deleted = try await client.delete(.key("a"))
            #expect(deleted.deleted.map(\.valueText) == ["2"] && deleted.revision == second.revision + 1)
            #expect(try await client.delete(.key("a")).revision == deleted.revision)
        }
    }

    @Test("ranges: prefix, limit, order, count, bounds, old revisions", arguments: Backend.allCases)
    func ranges(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let start = try await client.put("p/c", "1").revision
            try await client.put("p/a", "3")
            try await client.put("p/b", "2")
            try await client.put("q", "0")
            #expect(try await client.list(prefix: "p/").keyValues.map(\.keyText) == ["p/a", "p/b", "p/c"])
            var range = EtcdRange(.prefix("p/"))
            range.limit = 2
            var result = try await client.range(range)
            #expect(result.keyValues.map(\.keyText) == ["p/a", "p/b"] && result.more && result.count == 3)
            range.sort = (.value, .descending)
            #expect(try await client.range(range).keyValues.map(\.keyText) == ["p/a", "p/b"])
            range.sort = (.modRevision, .ascending)
            #expect(try await client.range(range).keyValues.map(\.keyText) == ["p/c", "p/a"])
            range = EtcdRange(.prefix("p/"))
            range.minModRevision = start + 1
            range.keysOnly = true
            result = try await client.range(range)
            #expect(result.keyValues.map(\.keyText) == ["p/a", "p/b"] && result.keyValues.allSatisfy(\.value.isEmpty))
            range = EtcdRange(.all)
            range.revision = start + 1
            #expect(try await client.range(range).keyValues.map(\.keyText) == ["p/a", "p/c"])
            range.revision = start + 100
            await expectRefusal(.futureRevision) { _ = try await client.range(range) }
            range = EtcdRange(.all)
            range.countOnly = true
            #expect(try await client.range(range).count == 4)
        }
    }

    @Test("a value of a megabyte and a key with every byte come back unchanged", arguments: Backend.allCases)
    func bytes(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let value = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let key = Array(UInt8.min...UInt8.max)
            _ = try await fixture.client.transaction(EtcdTransaction(if: [], then: [.put(key: key, value: value, lease: 0)]))
            let found = try await fixture.client.range(EtcdRange(.key(key))).keyValues
            #expect(found.first?.key == key && found.first?.value == value)
        }
    }

    @Test("a transaction compares create revision, mod revision, version, value and lease", arguments: Backend.allCases)
    func comparisons(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let lease = try await client.grantUnkeptLease(ttlSeconds: 100)
            let create = try await client.put("k", "a").revision
            let mod = try await client.put("k", "b", lease: lease.id).revision
            let holding: [EtcdCompare] = [
                .createRevision(of: "k", .equal, create), .modRevision(of: "k", .equal, mod), .version(of: "k", .equal, 2),
                .value(of: "k", .equal, Array("b".utf8)), .lease(of: "k", .equal, lease.id), .version(of: "k", .greater, 1),
                .modRevision(of: "k", .less, mod + 1), .value(of: "k", .notEqual, Array("c".utf8)), .isAbsent("other"),
            ]
            #expect(try await client.transaction(EtcdTransaction(if: holding, then: [])).succeeded)
            let failing: [EtcdCompare] = [
                .createRevision(of: "k", .notEqual, create), .modRevision(of: "k", .greater, mod), .version(of: "k", .equal, 3),
                .value(of: "k", .less, Array("b".utf8)), .lease(of: "k", .equal, 0), .value(of: "other", .notEqual, [1]), .isAbsent("k"),
            ]
            for comparison in failing {
                #expect(try await client.transaction(EtcdTransaction(if: [comparison], then: [])).succeeded == false)
            }
        }
    }

    @Test("a transaction takes one branch in one revision, and refuses to write a key twice", arguments: Backend.allCases)
    func transactions(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let transaction = EtcdTransaction(
                if: [.isAbsent("a")], then: [.put("a", "1"), .put("b", "1")], else: [.get("a"), .delete("b")])
            let first = try await client.transaction(transaction)
            #expect(first.succeeded && first.steps == [.put, .put])
            #expect(try await client.list(prefix: "").keyValues.map(\.modRevision) == [first.revision, first.revision])
            let second = try await client.transaction(transaction)
            #expect(!second.succeeded && second.keyValues(at: 0)?.map(\.valueText) == ["1"] && second.steps[1] == .deleted(count: 1))
            await expectRefusal(.duplicateKey) {
                _ = try await client.transaction(EtcdTransaction(if: [], then: [.put("a", "1"), .put("a", "2")]))
            }
            await expectRefusal(.leaseNotFound) {
                _ = try await client.transaction(EtcdTransaction(if: [], then: [.put("z", "1"), .put("y", "2", lease: 99)]))
            }
            #expect(try await client.get("z") == nil)
        }
    }

    @Test("compaction forgets the past and refuses to read it", arguments: Backend.allCases)
    func compaction(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let first = try await client.put("a", "1").revision
            let second = try await client.put("a", "2").revision
            try await client.compact(second)
            var range = EtcdRange(.key("a"))
            range.revision = first
            await expectRefusal(.compacted) { _ = try await client.range(range) }
            range.revision = second
            #expect(try await client.range(range).keyValues.map(\.valueText) == ["2"])
            await expectRefusal(.compacted) { try await client.compact(second) }
            await expectRefusal(.futureRevision) { try await client.compact(second + 100) }
        }
    }

    @Test("a revoked lease takes its keys in one revision; leases are listed and told", arguments: Backend.allCases)
    func leases(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let lease = try await client.grantUnkeptLease(ttlSeconds: 60)
            #expect(lease.ttl == .seconds(60))
            try await client.put("a", "1", lease: lease.id)
            try await client.put("b", "1", lease: lease.id)
            let told = try #require(try await client.timeToLive(lease.id))
            #expect(told.granted == 60 && told.remaining <= 60 && Set(told.keys) == [Array("a".utf8), Array("b".utf8)])
            #expect(try await client.leaseIDs() == [lease.id])
            let before = try await client.put("c", "1").revision
            try await client.revoke(lease.id)
            let left = try await client.list(prefix: "")
            #expect(left.keyValues.map(\.keyText) == ["c"] && left.revision == before + 1)
            #expect(try await client.timeToLive(lease.id) == nil)
            await expectRefusal(.leaseNotFound) { try await client.revoke(lease.id) }
            await expectRefusal(.leaseNotFound) { try await client.put("d", "1", lease: lease.id) }
            _ = try await client.grantUnkeptLease(ttlSeconds: 60, id: 7)
            await expectRefusal(.leaseExists) { _ = try await client.grantUnkeptLease(ttlSeconds: 60, id: 7) }
        }
    }

    @Test("an unkept lease ends, a kept one stays; the end is a deletion that watches see", arguments: Backend.allCases)
    func leaseExpiry(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let recorder = Recorder<EtcdWatchEvent>()
            let kept = try await client.grantLease(ttl: .seconds(3)) { Issue.record("the kept lease was lost") }
            let unkept = try await client.grantUnkeptLease(ttlSeconds: 1)
            let start = try await client.put("kept", "1", lease: kept.id).revision
            try await client.put("unkept", "1", lease: unkept.id)
            _ = try await client.watch(.all, from: start + 2) { recorder.record($0) }
            #expect(try await recorder.changes(1) == ["delete unkept"])
            #expect(try await client.get("kept") != nil)
            #expect(await client.confirmedUntil(kept.id) != nil)
            await client.letGo(kept.id)
            #expect(try await recorder.changes(1) == ["delete kept"])
        }
    }

    @Test("the holder of a lease that is gone is told, once", arguments: Backend.allCases)
    func lostLease(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let recorder = Recorder<String>()
            let lease = try await fixture.client.grantLease(ttl: .seconds(2)) { recorder.record("lost") }
            let other = try await readyClient([fixture.endpoint], loop: fixture.client.loop)
            try await other.revoke(lease.id)
            #expect(try await recorder.next() == "lost")
            #expect(await fixture.client.confirmedUntil(lease.id) == nil)
            await other.close()
        }
    }

    @Test("a watch tells each change once, from any revision on, with what was there before", arguments: Backend.allCases)
    func watch(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let past = Recorder<EtcdWatchEvent>()
            let present = Recorder<EtcdWatchEvent>()
            let start = try await client.put("w/a", "1").revision
            try await client.put("x", "1")
            try await client.put("w/a", "2")
            _ = try await client.watch(.prefix("w/"), from: start, previous: true) { past.record($0) }
            let watch = try await client.watch(.prefix("w/")) { present.record($0) }
            #expect(try await past.changes(2) == ["put w/a=1", "put w/a=2"])
            guard case .started = try await present.next() else {
                Issue.record("the watch did not start")
                return
            }
            _ = try await client.transaction(EtcdTransaction(if: [], then: [.put("w/b", "3"), .delete("w/a")]))
            #expect(try await present.changes(2) == ["put w/b=3", "delete w/a"])
            guard case .changes(let events, _) = try await past.next() else {
                Issue.record("no changes")
                return
            }
            #expect(events.map { $0.previous?.valueText } == [nil, "2"])
            await client.cancel(watch)
        }
    }

    @Test("a watch from before the compaction is told so and ends", arguments: Backend.allCases)
    func compactedWatch(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let recorder = Recorder<EtcdWatchEvent>()
            for value in 1...5 { try await client.put("a", "\(value)") }
            let revision = try await client.put("a", "6").revision
            try await client.compact(revision)
            _ = try await client.watch(.key("a"), from: revision - 3) { recorder.record($0) }
            let events = try await recorder.collect { if case .compacted = $0.last { true } else { false } }
            guard case .compacted(revision) = events.last else {
                Issue.record("\(events)")
                return
            }
        }
    }

    @Test("a watch of many large changes gets all of them in order", arguments: Backend.allCases)
    func longWatch(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let client = fixture.client
            let recorder = Recorder<EtcdWatchEvent>()
            let value = String(repeating: "x", count: 100_000)
            let start = try await client.put("a", value).revision
            for _ in 1..<100 { try await client.put("a", value) }
            _ = try await client.watch(.key("a"), from: start) { recorder.record($0) }
            var revisions: [Int64] = []
            while revisions.count < 100 {
                if case .changes(let events, _) = try await recorder.next() { revisions += events.map(\.keyValue.modRevision) }
            }
            #expect(revisions == Array(start..<start + 100))
        }
    }

    @Test("status tells a version and the revision", arguments: Backend.allCases)
    func status(_ backend: Backend) async throws {
        try await Fixture.with(backend) { fixture in
            let revision = try await fixture.client.put("a", "1").revision
            let status = try await fixture.client.status()
            #expect(status.version.hasPrefix("3.") && status.revision == revision && status.hasLeader && status.byteCount > 0)
        }
    }
}

/// Expects that `body` throws what etcd itself refused with.
func expectRefusal(
    _ fault: EtcdFault, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
    do {
        try await body()
        Issue.record("no refusal, expected: \(fault.rawValue)", sourceLocation: sourceLocation)
    } catch {
        #expect((error as? EtcdError)?.fault == fault, "\(error)", sourceLocation: sourceLocation)
    }
}
