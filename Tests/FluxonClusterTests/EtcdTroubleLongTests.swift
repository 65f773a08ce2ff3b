import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Foundation
import Glibc
import Testing

/// Whatever becomes of etcd, an owner that holds values goes on, says what is wrong, and serves again when etcd does.
@Suite(.serialized, .timeLimit(.minutes(5))) struct EtcdTroubleLongTests {
    private func eventually(_ what: String, within limit: Duration = .seconds(40), _ isSo: () throws -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while try !isSo() {
            guard ContinuousClock.now < deadline else { throw RoleFailure(what: "not within \(limit): \(what)", log: "") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// The value, asked for until its owner is valid again.
    private func text(_ store: Store, _ key: String) async throws -> String? {
        try await store.get(key, timeout: .seconds(40)).map { String(decoding: try $0.copyBytes(), as: UTF8.self) }
    }

    private func isWaitingForRecovery(_ cluster: TestCluster) throws -> Bool {
        let status = try CommandLineTool.run(["status"], attachedTo: cluster.ownerSocket(0), in: cluster.folder)
        return status.output.contains("waiting for `fluxon recover`") && status.output.contains("owner-1, owner-2")
    }

    private func recover(_ cluster: TestCluster, _ arguments: [String]) throws -> CommandLineTool.Result {
        try CommandLineTool.run(["recover"] + arguments, attachedTo: cluster.ownerSocket(0), in: cluster.folder)
    }

    @Test("an etcd that was wiped is named, and one command takes the owners' values over into the next term")
    func wiped() async throws {
        // Another master takes over as soon as the recovered term ends.
        let cluster = try TestCluster(masters: 2, metadata: .etcd)
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        try await first.put("old", "1")
        let version = try await second.put("old", "2")
        try await second.put("removed", "1")
        _ = try await first.get("removed")
        try await first.remove("removed")
        let processes = cluster.owners.map(\.processID)
        try await Task.sleep(for: .seconds(2))

        cluster.etcd?.kill()
        try FileManager.default.removeItem(atPath: cluster.etcdTool.dataFolder)
        try cluster.etcd?.launch()
        try await eventually("the status names the owners and the remedy") { try isWaitingForRecovery(cluster) }
        let shown = try recover(cluster, [])
        #expect(shown.output.contains("owner-1") && shown.output.contains("kept") && shown.output.contains("--yes"), "\(shown.output)")
        let done = try recover(cluster, ["--yes"])
        #expect(done.ending == .exited(code: 0) && done.output.contains("recovered"), "\(done.output)")

        #expect(try await text(first, "old") == "2")
        #expect(try await text(second, "old") == "2")
        #expect(try await text(first, "removed") == nil)
        #expect(try await first.put("old", "3") > version)
        #expect(cluster.owners.map(\.processID) == processes)
        #expect(try recover(cluster, []).output.contains("nothing to recover"))
        for owner in cluster.owners {
            #expect(owner.log.components(separatedBy: "not taken yet").count < 10, "\(owner.log)")
            // One that knocks again and again is the same process, and nobody is told that it is over.
            #expect(!owner.log.contains("another owner's process is over"), "\(owner.log)")
        }
    }

    @Test("an owner that is missing at the recovery is given up by number only: what the others hold is kept, what it held is gone")
    func missing() async throws {
        let cluster = try TestCluster(metadata: .etcd)
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        try await first.put("first", "1")
        try await second.put("second", "1")
        second.close()
        try await Task.sleep(for: .seconds(2))

        cluster.owners[1].kill()
        cluster.etcd?.kill()
        try FileManager.default.removeItem(atPath: cluster.etcdTool.dataFolder)
        try cluster.etcd?.launch()
        try await eventually("the status names the owner and the remedy") {
            let status = try CommandLineTool.run(["status"], attachedTo: cluster.ownerSocket(0), in: cluster.folder).output
            return status.contains("waiting for `fluxon recover`") && status.contains("owner-1")
        }
        #expect(try recover(cluster, []).output.contains("--lost 1"))
        let refused = try recover(cluster, ["--yes"])
        #expect(refused.ending == .exited(code: 1) && refused.output.contains("--lost 1"), "\(refused.output)")
        let done = try recover(cluster, ["--yes", "--lost", "1"])
        #expect(done.ending == .exited(code: 0) && done.output.contains("recovered"), "\(done.output)")
        #expect(try await text(first, "first") == "1")
        try cluster.owners[1].start()
        #expect(try await text(first, "second") == nil)
        try await first.put("second", "2")
        #expect(try await text(first, "second") == "2")
    }

    @Test("an etcd restored from a snapshot gives no version twice, and what was put after the snapshot is kept")
    func restored() async throws {
        let cluster = try TestCluster(metadata: .etcd)
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        try await first.put("before", "1")
        let snapshot = "\(cluster.folder)/snapshot"
        try cluster.etcdTool.run(["snapshot", "save", snapshot])
        // Another term, which the snapshot does not know.
        cluster.master.kill()
        try cluster.master.start()
        var versions = [try await first.put("after", "1"), try await second.put("before", "2")]
        try await Task.sleep(for: .seconds(2))

        cluster.etcd?.kill()
        cluster.master.kill()
        try FileManager.default.removeItem(atPath: cluster.etcdTool.dataFolder)
        try cluster.etcdTool.run(["snapshot", "restore", snapshot, "--data-dir", cluster.etcdTool.dataFolder])
        try cluster.etcd?.launch()
        try cluster.master.launch()
        try await eventually("the status names the owners and the remedy") { try isWaitingForRecovery(cluster) }
        #expect(try recover(cluster, ["--yes"]).output.contains("recovered"))
        #expect(try await text(second, "after") == "1")
        #expect(try await text(first, "before") == "2")
        versions += [try await first.put("after", "2"), try await second.put("other", "1")]
        #expect(Set(versions).count == versions.count)
    }

    @Test("tokens that expire at every cut and a right that covers only the cluster's own keys end no owner")
    func narrowUser() async throws {
        let cluster = try TestCluster(metadata: .etcd, etcdUser: true)
        let store = try await Store.connect(to: cluster.ownerSocket(0))
        try await store.put("key", "1")
        // Tokens live in etcd's memory: each start is an expiry in the middle of every watch.
        for _ in 0..<3 {
            cluster.etcd?.kill()
            try cluster.etcd?.launch()
            try cluster.etcdTool.awaitHealth(user: "root:secret")
            try await Task.sleep(for: .seconds(2))
        }
        // Nobody leads: what else is in etcd only words a hint, and may not be read.
        cluster.master.kill()
        #expect(cluster.owners[0].awaitEnd(within: .seconds(12)) == nil)
        #expect(cluster.owners[0].log.contains("no master leads"))
        // The right is taken away, and given back.
        try cluster.etcdTool.run(["user", "revoke-role", "fluxon", "cluster"], user: "root:secret")
        cluster.etcd?.kill()
        try cluster.etcd?.launch()
        #expect(cluster.owners[1].awaitEnd(within: .seconds(5)) == nil)
        try cluster.etcdTool.run(["user", "grant-role", "fluxon", "cluster"], user: "root:secret")
        try cluster.master.start()
        #expect(try await text(store, "key") == "1")
    }

    @Test("an etcd without space is waited for by a new master, says so once, and is served again when it has some")
    func noSpace() async throws {
        let cluster = try TestCluster(metadata: .etcd, etcdArguments: ["--quota-backend-bytes", "\(4 << 20)"])
        let store = try await Store.connect(to: cluster.ownerSocket(0))
        try await store.put("key", "1")
        cluster.master.kill()
        let filling = "\(cluster.folder)/filling"
        try File.replace(filling, with: [UInt8](repeating: UInt8(ascii: "x"), count: 100 << 10))
        let text = String(decoding: try File.readAll(filling, limit: 1 << 20), as: UTF8.self)
        for _ in 0..<80 where try !cluster.etcdTool.run(["put", "/filling", text], mayFail: true).hasPrefix("OK") { break }
        try await eventually("the alarm stands") { try cluster.etcdTool.run(["alarm", "list"]).contains("NOSPACE") }

        try cluster.master.launch()
        #expect(cluster.master.awaitEnd(within: .seconds(8)) == nil)
        #expect(cluster.master.log.contains("out of space"), "\(cluster.master.log)")
        #expect(cluster.master.log.split(separator: "\n").count < 60)
        #expect(cluster.owners[0].processID != nil)

        try cluster.etcdTool.run(["del", "/filling"])
        let revision = try cluster.etcdTool.run(["endpoint", "status", "-w", "json"]).firstMatch(of: /"revision":(\d+)/)?.1
        try cluster.etcdTool.run(["compact", String(try #require(revision))])
        try cluster.etcdTool.run(["defrag"])
        try cluster.etcdTool.run(["alarm", "disarm"])
        try cluster.master.awaitReadiness(within: .seconds(30))
        #expect(try await self.text(store, "key") == "1")
    }
}
