import FluxonCore
import FluxonEtcd
import FluxonEtcdEmbedded
import FluxonSystem
import FluxonTestFiles
import Foundation
import Testing

/// Servers that go away, come back, or stand still.
@Suite(.timeLimit(.minutes(1))) struct ResilienceTests {
    private func withLoop(_ body: (EventLoop) async throws -> Void) async throws {
        let loop = try EventLoop.started(name: "test-client")
        defer { loop.stop() }
        try await body(loop)
    }

    @Test("reads and new writes go to the next endpoint when one is gone")
    func failOver() async throws {
        try await withLoop { loop in
            let folder = try TemporaryFolder()
            let process = try EtcdProcess(folder: folder)
            defer { process.kill() }
            // Nothing listens on port 1.
            let client = try await readyClient(["127.0.0.1:1", process.endpoint, "http://localhost:1"], loop: loop)
            for number in 1...10 { try await client.put("a", "\(number)") }
            #expect(try await client.get("a")?.version == 10)
            await client.close()
        }
    }

    /// A put of one value is the same put however often it is sent.
    private func putSurely(_ key: String, _ client: EtcdClient) async throws {
        for _ in 0..<100 {
            do {
                try await client.put(key, "x", timeout: .seconds(20))
                return
            } catch {
                guard error.mayHaveTakenEffect else { throw error }
            }
        }
        Issue.record("\(key) was put 100 times, each time with an unknown outcome")
    }

    @Test("a cluster loses one member after the other: writes, a lease and a watch go on, and no acknowledged write is lost")
    func cluster() async throws {
        try await withLoop { loop in
            let folder = try TemporaryFolder()
            let members = try EtcdProcess.cluster(of: 3, folder: folder)
            defer { members.forEach { $0.kill() } }
            let client = try await readyClient(members.map(\.endpoint), loop: loop)
            let changes = Recorder<EtcdWatchEvent>()
            _ = try await client.watch(.prefix("k/"), from: 1) { changes.record($0) }
            let lease = try await client.grantLease(ttl: .seconds(5), timeout: .seconds(20)) { Issue.record("the lease was lost") }
            try await client.put("leased", "1", lease: lease.id, timeout: .seconds(20))
            var written: [String] = []
            for member in members {
                member.kill()
                for _ in 0..<20 {
                    let key = "k/\(written.count)"
                    try await putSurely(key, client)
                    written.append(key)
                }
                try member.start()
            }
            let found = try await client.list(prefix: "k/", timeout: .seconds(20)).keyValues
            #expect(Set(found.map(\.keyText)) == Set(written))
            var told = Set<String>()
            while told.count < written.count { told.formUnion(try await changes.changes(1)) }
            #expect(told == Set(written.map { "put \($0)=x" }))
            #expect(try await client.get("leased", timeout: .seconds(20)) != nil)
            await client.close()
        }
    }

    @Test("a server that stands still costs a read one attempt, not the call")
    func standingStill() async throws {
        try await withLoop { loop in
            let folder = try TemporaryFolder()
            let paused = try EtcdProcess(folder: folder)
            let other = try EtcdProcess(folder: folder)
            defer {
                paused.kill()
                other.kill()
            }
            let direct = try await readyClient([other.endpoint], loop: loop)
            try await direct.put("a", "1")
            let client = try await readyClient([paused.endpoint, other.endpoint], loop: loop) { $0.attemptTimeout = .seconds(1) }
            #expect(try await client.get("a") == nil)
            paused.pause()
            #expect(try await client.get("a")?.valueText == "1")
            await client.close()
            await direct.close()
        }
    }

    @Test("without any server a call ends at its deadline and says what was tried")
    func unreachable() async throws {
        try await withLoop { loop in
            let client = EtcdClient(loop: loop, options: try EtcdClientOptions(parsing: ["127.0.0.1:1", "127.0.0.1:2"]))
            let start = loop.now
            do throws(EtcdError) {
                try await client.put("a", "1", timeout: .milliseconds(300))
                Issue.record("a put without a server")
            } catch {
                guard case .unreachable(_, let endpoints, _, _) = error else {
                    Issue.record("\(error)")
                    return
                }
                #expect(endpoints == ["http://127.0.0.1:1", "http://127.0.0.1:2"])
            }
            #expect(loop.now.since(start) < .seconds(20))
            await client.close()
        }
    }

    @Test("a cancelled call ends at once")
    func cancellation() async throws {
        try await withLoop { loop in
            let client = EtcdClient(loop: loop, options: try EtcdClientOptions(parsing: ["127.0.0.1:1"]))
            let call = Task { try await client.get("a", timeout: .seconds(1000)) }
            call.cancel()
            await #expect(throws: EtcdError.self) { _ = try await call.value }
            await client.close()
        }
    }

    @Test("etcd killed under a watch, a lease and a mirror: they go on after its restart, and no change is missed or told twice")
    func restart() async throws {
        try await withLoop { loop in
            let folder = try TemporaryFolder()
            let process = try EtcdProcess(folder: folder)
            defer { process.kill() }
            let client = try await readyClient([process.endpoint], loop: loop)
            let changes = Recorder<EtcdWatchEvent>()
            let lease = try await client.grantLease(ttl: .seconds(5)) { Issue.record("the lease was lost") }
            try await client.put("a", "1", lease: lease.id)
            let revision = try await client.put("b", "1").revision
            _ = try await client.watch(.all, from: revision) { changes.record($0) }
            #expect(try await changes.changes(1) == ["put b=1"])
            for round in 2...3 {
                process.kill()
                try process.start()
                _ = try await client.status(timeout: .seconds(20))
                try await client.put("b", "\(round)", timeout: .seconds(20))
                #expect(try await changes.changes(1) == ["put b=\(round)"])
            }
            #expect(try await client.get("a") != nil)
            await client.close()
        }
    }

    @Test("a watch on a server that stands still is opened at another")
    func watchProbe() async throws {
        try await withLoop { loop in
            let folder = try TemporaryFolder()
            let process = try EtcdProcess(folder: folder)
            defer { process.kill() }
            let client = try await readyClient([process.endpoint], loop: loop) { $0.watchProbeInterval = .milliseconds(100) }
            let changes = Recorder<EtcdWatchEvent>()
            _ = try await client.watch(.key("a")) { changes.record($0) }
            guard case .started = try await changes.next() else { return }
            process.pause()
            // Two probes are lost meanwhile; the stream is given up and made anew.
            try await loop.sleep(for: .milliseconds(400))
            process.resume()
            guard case .started = try await changes.next() else {
                Issue.record("the watch was not opened again")
                return
            }
            try await client.put("a", "1")
            #expect(try await changes.changes(1) == ["put a=1"])
            await client.close()
        }
    }

    @Test("a lease outlives a stall of its server", arguments: [Duration.milliseconds(1200)])
    func stall(_ stall: Duration) async throws {
        try await withLoop { loop in
            let folder = try TemporaryFolder()
            let process = try EtcdProcess(folder: folder)
            defer { process.kill() }
            let client = try await readyClient([process.endpoint], loop: loop)
            let lease = try await client.grantLease(ttl: .seconds(3)) { Issue.record("the lease was lost") }
            try await client.put("a", "1", lease: lease.id)
            process.pause()
            try await loop.sleep(for: stall)
            process.resume()
            try await loop.sleep(for: .seconds(3.5))
            #expect(try await client.get("a", timeout: .seconds(10)) != nil)
            await client.close()
        }
    }
}
