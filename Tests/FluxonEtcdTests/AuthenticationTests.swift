import FluxonEtcd
import FluxonSystem
import FluxonTestFiles
import Foundation
import Testing

/// Users and passwords, on Debian's etcd: the embedded server has none.
@Suite(.timeLimit(.minutes(1))) struct AuthenticationTests {
    private func etcdctl(_ process: EtcdProcess, _ arguments: [String]) async throws {
        let result = try await run(
            "/usr/bin/etcdctl", ["--endpoints", process.endpoint] + arguments, environment: ["ETCDCTL_API": "3"])
        try #require(result.status == 0, "etcdctl \(arguments): \(result.output)")
    }

    /// An etcd with the users `root` (may all) and `reader` (may read what begins with `r/`).
    private func withUsers(_ body: (EtcdProcess, EventLoop) async throws -> Void) async throws {
        let loop = try EventLoop.started(name: "test-client")
        defer { loop.stop() }
        let folder = try TemporaryFolder()
        let process = try EtcdProcess(folder: folder)
        defer { process.kill() }
        await (try await readyClient([process.endpoint], loop: loop)).close()
        for arguments in [
            ["user", "add", "root:secret"], ["user", "grant-role", "root", "root"], ["role", "add", "reading"],
            ["role", "grant-permission", "reading", "--prefix", "read", "r/"], ["user", "add", "reader:also-secret"],
            ["user", "grant-role", "reader", "reading"], ["auth", "enable"],
        ] {
            try await etcdctl(process, arguments)
        }
        try await body(process, loop)
    }

    private func client(_ process: EtcdProcess, _ loop: EventLoop, _ user: String, _ password: String) throws -> EtcdClient {
        var options = try EtcdClientOptions(parsing: [process.endpoint])
        options.credentials = .init(user: user, password: password)
        return EtcdClient(loop: loop, options: options)
    }

    @Test("with a password everything works, and goes on with a new token after the old one is forgotten")
    func password() async throws {
        try await withUsers { process, loop in
            let client = try client(process, loop, "root", "secret")
            let changes = Recorder<EtcdWatchEvent>()
            _ = try await client.watch(.prefix("r/")) { changes.record($0) }
            guard case .started = try await changes.next() else { return }
            let lease = try await client.grantLease(ttl: .seconds(5)) { Issue.record("the lease was lost") }
            try await client.put("r/a", "1", lease: lease.id)
            #expect(try await changes.changes(1) == ["put r/a=1"])
            // Tokens live in etcd's memory.
            process.kill()
            try process.start()
            try await client.put("r/a", "2", lease: lease.id, timeout: .seconds(20))
            #expect(try await changes.changes(1) == ["put r/a=2"])
            await client.close()
        }
    }

    @Test("a watch gets a new token at each cut, also when nothing has changed in between")
    func repeatedCuts() async throws {
        try await withUsers { process, loop in
            let client = try client(process, loop, "root", "secret")
            let changes = Recorder<EtcdWatchEvent>()
            _ = try await client.watch(.prefix("r/")) { changes.record($0) }
            for _ in 0..<3 {
                let event = try await changes.next()
                guard case .started = event else {
                    Issue.record("\(event)")
                    return
                }
                process.kill()
                try process.start()
            }
            await client.close()
        }
    }

    @Test("a mirror ends at a missing right where its patience does, and else goes on until the right is there")
    func patience() async throws {
        try await withUsers { process, loop in
            let reader = try client(process, loop, "reader", "also-secret")
            await expectRefusal(.permissionDenied) { try await reader.mirror(.prefix("other/")) { _ in } }
            let (troubles, snapshots) = (Recorder<EtcdError>(), Recorder<EtcdMirrorEvent>())
            let patience = EtcdPatience(endsAt: { _ in false }, onTrouble: { troubles.record($0) })
            let mirror = Task { try await reader.mirror(.prefix("other/"), patience: patience) { snapshots.record($0) } }
            #expect(try await troubles.next().fault == .permissionDenied)
            try await etcdctl(
                process, ["--user", "root:secret", "role", "grant-permission", "reading", "--prefix", "readwrite", "other/"])
            guard case .snapshot = try await snapshots.next() else { return }
            mirror.cancel()
            _ = await mirror.result
            await reader.close()
        }
    }

    @Test("a wrong password, no password and a missing right are refused as what they are")
    func refusals() async throws {
        try await withUsers { process, loop in
            let wrong = try client(process, loop, "root", "wrong")
            await expectRefusal(.authenticationFailed) { try await wrong.put("a", "1", timeout: .seconds(10)) }
            let nobody = EtcdClient(loop: loop, options: try EtcdClientOptions(parsing: [process.endpoint]))
            await expectRefusal(.userEmpty) { try await nobody.put("a", "1", timeout: .seconds(10)) }
            let reader = try client(process, loop, "reader", "also-secret")
            #expect(try await reader.get("r/a", timeout: .seconds(10)) == nil)
            await expectRefusal(.permissionDenied) { try await reader.put("r/a", "1") }
            let changes = Recorder<EtcdWatchEvent>()
            _ = try await reader.watch(.prefix("other/")) { changes.record($0) }
            guard case .failed = try await changes.next() else {
                Issue.record("the watch was allowed")
                return
            }
            for client in [wrong, nobody, reader] { await client.close() }
        }
    }

    @Test("a password is no hindrance where there are no users")
    func noUsers() async throws {
        try await Fixture.with(.embedded, options: { $0.credentials = .init(user: "root", password: "secret") }) { fixture in
            try await fixture.client.put("a", "1")
            #expect(try await fixture.client.get("a")?.valueText == "1")
        }
    }
}
