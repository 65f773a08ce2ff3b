import Fluxon
import FluxonCore
import FluxonSystem
import FluxonTestFiles
import Glibc
import Testing

/// What a person asks a real cluster, and what it says.
@Suite(.serialized, .timeLimit(.minutes(3))) struct FaceTests {
    private func states(_ cluster: TestCluster) throws -> [String: JSONValue] {
        let result = try CommandLineTool.run(["members", "--json"], attachedTo: cluster.ownerSocket(0), in: cluster.folder)
        let members = try result.json["members"]?.elements ?? []
        return Dictionary(uniqueKeysWithValues: members.map { ($0["instance_key"]?.text ?? "", $0) })
    }

    private func eventually(_ what: String, _ condition: () throws -> Bool) async throws {
        let end = BootClock.now.advanced(by: .seconds(30))
        while try !condition() {
            guard BootClock.now < end else {
                Issue.record("\(what) did not come about in 30 s")
                return
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func isHealthy(_ status: JSONValue) -> Bool? {
        guard case .bool(let isHealthy)? = status["health"]?["healthy"] else { return nil }
        return isHealthy
    }

    @Test("what a role's command line cannot mean is refused under the program's name", arguments: ["master", "owner", "external"])
    func usage(role: String) throws {
        let folder = try TemporaryFolder()
        let result = try CommandLineTool.run("fluxon-\(role)", ["--confog", "x"], in: folder.path)
        #expect(result.ending == .exited(code: 64))
        #expect(result.output.hasPrefix("fluxon-\(role): Missing expected argument '--config <file>'"), "\(result.output)")
    }

    @Test("a master that stands by is a member, and after it took over status says how long that took")
    func standby() async throws {
        let cluster = try TestCluster(masters: 2, metadata: .etcd)
        try await eventually("master-2 standing by") { try states(cluster)["master-2"]?["state"]?.text == "standing by" }
        let owner = try #require(try states(cluster)["owner-1"])
        #expect(owner["state"]?.text == "in" && owner["state_ms"]?.unsignedInteger != nil)
        func status() throws -> JSONValue {
            try CommandLineTool.run(["status", "--json"], attachedTo: cluster.ownerSocket(0), in: cluster.folder).json
        }
        let healthy = try status()
        #expect(isHealthy(healthy) == true, "\(healthy.text())")
        #expect(healthy["owner owner-1"]?["last_failover_ms"]?.text == "none")

        cluster.master.kill()
        try await eventually("no master, said") { isHealthy(try status()) == false }
        try await eventually("healthy again") { isHealthy(try status()) == true }
        let after = try status()
        let failover = try #require(after["owner owner-1"]?["last_failover_ms"]?.unsignedInteger)
        // The lease of a master that was killed lasts five seconds.
        #expect(3000..<30_000 ~= failover)
        #expect(after["master master-2"]?["opening_ms"]?.unsignedInteger != nil)
        #expect(try states(cluster)["master-2"]?["state"]?.text == "leading")
    }

    @Test("ls lists the keys of every owner, through an external too, and rm --prefix removes those of every owner")
    func keys() async throws {
        let cluster = try TestCluster(hasExternals: true)
        let stores = [try await Store.connect(to: cluster.ownerSocket(0)), try await Store.connect(to: cluster.ownerSocket(1))]
        var keys: Set<String> = []
        for number in 0..<3000 {
            let key = (number % 2 == 0 ? "even/" : "odd/") + "\(number)"
            try await stores[number % 2].put(key, [UInt8](repeating: 1, count: 8))
            keys.insert(key)
        }
        func list(_ arguments: String...) throws -> [String] {
            let result = try CommandLineTool.run(["kv", "ls"] + arguments, attachedTo: cluster.externalSocket(1), in: cluster.folder)
            #expect(result.ending == .exited(code: 0), "\(result.output.suffix(500))")
            return result.output.split(separator: "\n").map(String.init)
        }
        #expect(try list().sorted() == keys.sorted())
        #expect(try list("odd/").sorted() == keys.filter { $0.hasPrefix("odd/") }.sorted())
        let removed = try CommandLineTool.run(["kv", "rm", "--prefix", "even/"], attachedTo: cluster.ownerSocket(1), in: cluster.folder)
        #expect(removed.output == "removed 1500\n")
        #expect(try list().sorted() == keys.filter { $0.hasPrefix("odd/") }.sorted())
    }
}
