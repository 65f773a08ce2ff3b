import FluxonEtcd
import FluxonEtcdEmbedded
import FluxonSystem
import FluxonTestFiles
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1))) struct EmbeddedEtcdTests {
    @Test("kill -9 while many write: what was acknowledged is there, no revision comes twice, leases begin anew, watches go on")
    func kill() async throws {
        let loop = try EventLoop.started(name: "test-client")
        defer { loop.stop() }
        let folder = try TemporaryFolder()
        let process = try EmbeddedProcess(path: folder.file("metadata.sqlite"))
        let client = try await readyClient([process.endpoint], loop: loop)
        let changes = Recorder<EtcdWatchEvent>()
        _ = try await client.watch(.prefix("k/"), from: 1) { changes.record($0) }
        let lease = try await client.grantLease(ttl: .seconds(5)) { Issue.record("the lease was lost") }
        try await client.put("leased", "1", lease: lease.id)

        var acknowledged: [String: Int64] = [:]
        for round in 0..<3 {
            let killer = Recorder<Void>()
            let writers = Task {
                await withTaskGroup(of: [String: Int64].self) { group in
                    for writer in 0..<8 {
                        group.addTask { await write(round: round, writer: writer, client: client) { killer.record(()) } }
                    }
                    return await group.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
                }
            }
            _ = try await killer.collect { $0.count == 100 }
            process.kill()
            acknowledged.merge(await writers.value) { first, _ in first }
            try process.start()
            _ = try await client.status(timeout: .seconds(20))
            let found = try await client.list(prefix: "k/", timeout: .seconds(20)).keyValues
            let revisions = Dictionary(uniqueKeysWithValues: found.map { ($0.keyText, $0.modRevision) })
            for (key, revision) in acknowledged { #expect(revisions[key] == revision) }
            #expect(Set(revisions.values).count == revisions.count)
        }
        #expect(try await client.get("leased") != nil)
        let told = try await client.timeToLive(lease.id)
        #expect(told?.granted == 5)

        // The watch tells every key once, over all three lives of the server.
        let total = try await client.list(prefix: "k/").keyValues.count
        let puts = try await changes.changes(total)
        #expect(Set(puts).count == total && puts.count == total)
        await client.close()
        process.kill()
    }

    /// Writes new keys until the server is gone.
    private func write(
        round: Int, writer: Int, client: EtcdClient, onAcknowledged: @Sendable () -> Void
    ) async -> [String: Int64] {
        var acknowledged: [String: Int64] = [:]
        for number in 0..<10_000 {
            let key = "k/\(round)/\(writer)/\(number)"
            do {
                acknowledged[key] = try await client.put(key, "\(number)", timeout: .seconds(2)).revision
                onAcknowledged()
            } catch {
                break
            }
        }
        return acknowledged
    }

    @Test("a second server on the same file is refused")
    func secondServer() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("metadata.sqlite")
        let (server, _) = try await EmbeddedEtcd.start(path: path, listen: .tcp(host: "127.0.0.1", port: 0))
        await #expect(throws: MetadataStoreError.inUse(path: path)) {
            _ = try await EmbeddedEtcd.start(path: path, listen: .tcp(host: "127.0.0.1", port: 0))
        }
        await server.stop()
        let (again, _) = try await EmbeddedEtcd.start(path: path, listen: .tcp(host: "127.0.0.1", port: 0))
        await again.stop()
    }
}
