import Fluxon
import FluxonSystem
import Foundation
import Glibc
import Testing

/// Logs as operators handle them, on real processes.
@Suite(.serialized, .timeLimit(.minutes(2))) struct LogTests {
    @Test("SIGHUP ends no role, and each goes on in a log file that is there anew")
    func hangUp() async throws {
        let cluster = try TestCluster(owners: 1, hasExternals: true)
        let store = try await Store.connect(to: cluster.externalSocket(0))
        try await store.put("key", "1")
        let log = "\(cluster.folder)/run-1/owner.log"
        try File.rename(log, to: log + ".aside")
        let roles = [cluster.master, cluster.owners[0], cluster.externals[0]]
        for role in roles { role.signal(SIGHUP) }
        let deadline = ContinuousClock.now + .seconds(20)
        while !FileManager.default.fileExists(atPath: log), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(String(decoding: try File.readAll(log, limit: 1 << 20), as: UTF8.self).contains("SIGHUP"))
        #expect(try await store.get("key") != nil)
        for role in roles { #expect(role.ending() == nil) }
    }

    @Test("who attaches leaves no line in the logs of an owner and a sidecar")
    func attaching() async throws {
        let cluster = try TestCluster(owners: 1, hasExternals: true)
        let before = (cluster.owners[0].log.count, cluster.externals[0].log.count)
        for _ in 0..<20 { _ = try await Store.connect(to: cluster.externalSocket(0)) }
        #expect(cluster.owners[0].log.count - before.0 < 500)
        #expect(cluster.externals[0].log.count - before.1 < 500)
    }
}
