import Fluxon
import FluxonSystem
import FluxonWorkload
import Glibc
import Testing

/// Business processes behind their sidecars, on real processes.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ExternalTests {
    @Test("a value put through one external is read through the other; both keep serving when the externals are killed")
    func throughExternals() async throws {
        let cluster = try TestCluster(metadata: .etcd, hasExternals: true)
        let first = try await Store.connect(to: cluster.externalSocket(0))
        let second = try await Store.connect(to: cluster.externalSocket(1))
        #expect(first.isMapped && second.isMapped)
        try await first.put("key", TestValue.bytes(number: 1, count: 4096))
        let before = try #require(try await second.get("key"))
        #expect(TestValue.number(of: before) == 1)

        // Stopped or dead, a sidecar is not on the way of gets and puts.
        cluster.externals[0].signal(SIGSTOP)
        cluster.externals[1].kill()
        try await first.put("key", TestValue.bytes(number: 2, count: 4096))
        let after = try #require(try await second.get("key"))
        #expect(TestValue.number(of: after) == 2)
        cluster.externals[0].signal(SIGCONT)
        try cluster.externals[1].start()
        let third = try await Store.connect(to: cluster.externalSocket(1))
        let again = try #require(try await third.get("key"))
        #expect(TestValue.number(of: again) == 2)
    }

    @Test("a second live process with one instance_key is refused, and says so")
    func secondInstance() async throws {
        let cluster = try TestCluster(hasExternals: true)
        let twin = RoleProcess(
            name: "twin", executable: "\(TestCluster.products)/fluxon-external",
            arguments: ["--config", "\(cluster.folder)/external-1.yaml"], folder: cluster.folder)
        #expect(throws: RoleFailure.self) { try twin.start(within: .seconds(15)) }
        #expect(twin.log.contains("external-1"))
    }

    @Test("an owner of another cluster is not joined: the external ends and names both clusters")
    func wrongCluster() async throws {
        let cluster = try TestCluster(owners: 1)
        let path = "\(cluster.folder)/stranger.yaml"
        let text = """
            cluster_name: other
            instance_key: stranger
            shared_memory_path: \(cluster.poolFolder)/1
            shared_file_path: \(cluster.folder)/run-1

            """
        try File.replace(path, with: Array(text.utf8))
        let stranger = RoleProcess(
            name: "stranger", executable: "\(TestCluster.products)/fluxon-external", arguments: ["--config", path], folder: cluster.folder)
        #expect(throws: RoleFailure.self) { try stranger.start(within: .seconds(15)) }
        #expect(stranger.log.contains("'test'") && stranger.log.contains("'other'"))
    }

    @Test("an external whose shared_memory_path is not its owner's ends and names both folders")
    func wrongMemoryPath() throws {
        let cluster = try TestCluster(owners: 1)
        let path = "\(cluster.folder)/astray.yaml"
        let text = """
            cluster_name: test
            instance_key: astray
            shared_memory_path: \(cluster.poolFolder)/2
            shared_file_path: \(cluster.folder)/run-1

            """
        try File.replace(path, with: Array(text.utf8))
        let astray = RoleProcess(
            name: "astray", executable: "\(TestCluster.products)/fluxon-external", arguments: ["--config", path], folder: cluster.folder)
        #expect(throws: RoleFailure.self) { try astray.start(within: .seconds(15)) }
        #expect(astray.log.contains("fluxon-external: ") && astray.log.contains("\(cluster.poolFolder)/1/pool"), "\(astray.log)")
    }
}
