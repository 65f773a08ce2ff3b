import Fluxon
import FluxonCore
import FluxonSystem
import Glibc
import Testing

/// What a process removes, replaces or lets others use is its own: real processes in each other's folders.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SecondProcessTests {
    private func owner(_ name: String, _ cluster: TestCluster, memory: String, files: String) throws -> RoleProcess {
        let text = try String(decoding: File.readAll("\(cluster.folder)/owner-1.yaml", limit: 65536), as: UTF8.self)
        let lines = text.split(separator: "\n").map { line in
            if line.hasPrefix("instance_key") { return "instance_key: \(name)" }
            if line.hasPrefix("shared_memory_path") { return "shared_memory_path: \(memory)" }
            if line.hasPrefix("shared_file_path") { return "shared_file_path: \(files)" }
            return String(line)
        }
        let path = "\(cluster.folder)/\(name).yaml"
        try File.replace(path, with: Array(lines.joined(separator: "\n").utf8))
        return RoleProcess(
            name: name, executable: "\(TestCluster.products)/fluxon-owner", arguments: ["--config", path], folder: cluster.folder)
    }

    private func members(_ cluster: TestCluster) throws -> String {
        try CommandLineTool.run(["members"], attachedTo: cluster.ownerSocket(0), in: cluster.folder).output
    }

    @Test("an owner in a live one's shared_file_path ends before it joins, and takes nothing of the live one with it")
    func sameFiles() async throws {
        let cluster = try TestCluster(owners: 1, hasExternals: true)
        let description = try File.readAll(cluster.sharedDescription(0), limit: 65536)
        let thief = try owner("thief", cluster, memory: "\(cluster.poolFolder)/thief", files: "\(cluster.folder)/run-1")
        #expect(throws: RoleFailure.self) { try thief.start(within: .seconds(15)) }
        #expect(thief.log.contains("fluxon-owner: shared_file_path \(cluster.folder)/run-1 belongs to a running owner"), "\(thief.log)")
        #expect(try File.readAll(cluster.sharedDescription(0), limit: 65536) == description)
        #expect(try !members(cluster).contains("thief"))
        #expect(try FileIdentity(at: "\(cluster.poolFolder)/thief/pool") == nil)
        // Processes still find the way through the sidecar.
        try await Store.connect(to: cluster.externalSocket(0)).put("key", "value")
    }

    @Test("an owner in a live one's shared_memory_path ends before it joins")
    func samePool() async throws {
        let cluster = try TestCluster(owners: 1)
        let store = try await Store.connect(to: cluster.ownerSocket(0))
        try await store.put("key", "value")
        let thief = try owner("thief", cluster, memory: "\(cluster.poolFolder)/1", files: "\(cluster.folder)/run-thief")
        #expect(throws: RoleFailure.self) { try thief.start(within: .seconds(15)) }
        #expect(thief.log.contains("\(cluster.poolFolder)/1/pool belongs to a running owner"), "\(thief.log)")
        #expect(try !members(cluster).contains("thief"))
        #expect(try await store.get("key") != nil)
        #expect(try FileIdentity(at: "\(cluster.folder)/run-thief/shared.json") == nil)
    }

    @Test("an owner that was killed leaves names behind that its next life takes over")
    func nextLife() async throws {
        let cluster = try TestCluster(owners: 1)
        cluster.owners[0].kill()
        #expect(try FileIdentity(at: cluster.ownerSocket(0)) != nil)
        try cluster.owners[0].start()
        try await Store.connect(to: cluster.ownerSocket(0)).put("key", "value")
        _ = cluster.owners[0].stop()
        for name in ["owner.sock", "owner.sock.lock", "shared.json"] {
            #expect(try FileIdentity(at: "\(cluster.folder)/run-1/\(name)") == nil, "\(name)")
        }
    }

    @Test("sockets are for user and group, files for no stranger, whatever the umask", arguments: ["0", "077"])
    func modes(umask: String) throws {
        let words = "umask \(umask); exec"
        let cluster = try TestCluster(owners: 1, hasExternals: true, shell: ["master": words, "owner": words, "external": words])
        let files = "\(cluster.folder)/run-1"
        let memory = "\(cluster.poolFolder)/1"
        for (path, wanted) in [
            (cluster.ownerSocket(0), 0o660), (cluster.externalSocket(0), 0o660), ("\(files)/shared.json", 0o640),
            ("\(files)/owner.log", 0o640), ("\(memory)/pool", 0o640), ("\(memory)/generation", 0o640), (files, 0o750), (memory, 0o750),
            ("\(cluster.folder)/metadata.sqlite", 0o640), ("\(cluster.folder)/metadata.sqlite-wal", 0o640),
        ] as [(String, mode_t)] {
            var status = stat()
            #expect(stat(path, &status) == 0, "\(path)")
            #expect(status.st_mode & 0o777 == wanted, "\(path): \(String(status.st_mode & 0o777, radix: 8))")
        }
    }

    @Test("an owner in a PID namespace of its own takes processes from outside, directly and through a sidecar, and frees what they leave")
    func otherNamespace() async throws {
        let words = "exec unshare --pid --fork --kill-child --mount-proc"
        guard geteuid() == 0 else { return }
        let cluster = try TestCluster(owners: 1, hasExternals: true, shell: ["owner": words])
        for path in [cluster.externalSocket(0), cluster.ownerSocket(0)] {
            let store = try await Store.connect(to: path)
            #expect(store.isMapped)
            try await store.put("key", "value")
            let again = try await Store.connect(to: path)
            #expect(try await again.get("key") != nil)
            let status = try CommandLineTool.run(["status"], attachedTo: cluster.ownerSocket(0), in: cluster.folder).output
            #expect(status.contains("pid in another namespace"), "\(status)")
        }
        let got = try CommandLineTool.run(["kv", "get", "key"], attachedTo: cluster.externalSocket(0), in: cluster.folder)
        #expect(got.output == "value" || got.output == "value\n", "\(got.output)")
    }
}
