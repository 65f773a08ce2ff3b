import FluxonCore
import FluxonSystem
import Glibc
import Testing

/// The real executables, as an operator meets them.
@Suite(.timeLimit(.minutes(5))) struct RoleExecutableTests {
    private let roles: StandInRoles

    init() throws { roles = try StandInRoles() }

    private func run(_ role: String, _ arguments: [String]) throws -> (ending: ChildProcess.Ending?, output: String) {
        let path = "\(roles.folder)/role-output"
        let output = try File.open(path, .create)
        let child = try ChildProcess(
            executable: "\(StandInRoles.products)/fluxon-\(role)", arguments: arguments, environment: [:], output: output)
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(60))
        return (try child.reap(), try roles.text(path))
    }

    @Test("a wrong configuration is exit 64 with every problem, and nothing is started", arguments: ["master", "owner", "external"])
    func wrongConfiguration(role: String) throws {
        let file = "\(roles.folder)/wrong.yaml"
        try File.replace(file, with: Array("cluster_nmae: demo\ninstance_key: two words\n".utf8))
        let result = try run(role, ["--config", file])
        #expect(result.ending == .exited(code: 64))
        for words in [
            "\(file): ", "problems", "cluster_name: missing", "did you mean cluster_name?", "instance_key = \"two words\": must be",
        ] {
            #expect(result.output.contains(words), "\(words) is not in \(result.output)")
        }
    }

    @Test("a configuration that is not there is named", arguments: ["master", "owner", "external"])
    func missingConfiguration(role: String) throws {
        let result = try run(role, ["--config", "\(roles.folder)/nowhere.yaml"])
        #expect(result.ending == .exited(code: 64))
        #expect(result.output.contains("\(roles.folder)/nowhere.yaml"), "\(result.output)")
        #expect(try run(role, []).ending == .exited(code: 64))
    }

    @Test("a role says which build it is", arguments: ["master", "owner", "external"])
    func version(role: String) throws {
        let result = try run(role, ["--version"])
        #expect(result.ending == .exited(code: 0))
        let shape = /^fluxon-(\w+): commit \S+, protocol \d+, (debug|release) build\n$/
        #expect(result.output.firstMatch(of: shape)?.1 == role[...], "\(result.output)")
    }

    @Test("an owner that no master takes says within seconds what it waits for")
    func ownerAlone() throws {
        func said(_ words: String, cluster: String, etcd: String) throws -> (isSaid: Bool, output: String) {
            let file = "\(roles.folder)/alone.yaml"
            let text = """
                {cluster_name: \(cluster), instance_key: alone, etcd_endpoints: ["\(etcd)"], contribute_to_cluster_pool_size: 1MiB,
                 shared_memory_path: \(roles.folder)/alone-pool, shared_file_path: \(roles.folder)/alone}
                """
            try File.replace(file, with: Array(text.utf8))
            let owner = try start("owner", file)
            let isSaid = try owner.wait { try owner.output.contains(words) }
            try owner.child.process.signal(SIGTERM)
            #expect(try owner.end() == .exited(code: 0))
            return (isSaid, try owner.output)
        }
        let nobody = try said("no etcd answered", cluster: "two", etcd: "127.0.0.1:1")
        #expect(nobody.isSaid && nobody.output.contains("correct etcd_endpoints"), "\(nobody.output)")

        let port = try Kernel.freeLoopbackPort()
        let file = "\(roles.folder)/master.yaml"
        let metadata = "{listen: '127.0.0.1:\(port)', path: \(roles.folder)/metadata.sqlite}"
        try File.replace(file, with: Array("{cluster_name: one, instance_key: m, embedded_metadata: \(metadata)}".utf8))
        let master = try start("master", file)
        let other = try said("no master leads the cluster 'two' in this etcd, only 'one'", cluster: "two", etcd: "127.0.0.1:\(port)")
        #expect(other.isSaid && other.output.contains("cluster_name"), "\(other.output)")
        try master.child.process.signal(SIGTERM)
        #expect(try master.end() == .exited(code: 0))
    }

    @Test("a master whose metadata file cannot be written any more ends and says why, for its supervisor to start it again")
    func fullDisk() throws {
        let port = try Kernel.freeLoopbackPort()
        let file = "\(roles.folder)/full.yaml"
        let metadata = "{listen: '127.0.0.1:\(port)', path: \(roles.folder)/full.sqlite}"
        try File.replace(file, with: Array("{cluster_name: one, instance_key: m, embedded_metadata: \(metadata)}".utf8))
        // A file of at most 256 KiB stands for a disk that is full.
        let master = try start("master", file, before: "trap '' XFSZ; ulimit -f 256; ")
        let leads = try master.wait { try master.output.contains("leads") }
        #expect(leads)
        let writer = try ChildProcess(
            executable: "/bin/sh",
            arguments: ["-c", "i=0; while etcdctl --endpoints 127.0.0.1:\(port) put k $i; do i=$((i+1)); done"],
            environment: ["PATH": "/usr/bin:/bin", "ETCDCTL_API": "3"], output: try File.open("\(file).writer", .create))
        #expect(try master.end() == .exited(code: 1))
        let said = try master.output
        #expect(said.contains("free space on its disk"), "\(said)")
        _ = try Kernel.waitReadable([writer.process.descriptor.number], timeout: .seconds(60))
        #expect(try writer.reap() == .exited(code: 0))
    }

    /// - Parameter before: What a shell does before it becomes the role.
    private func start(_ role: String, _ file: String, before: String = "") throws -> Started {
        let output = try File.open("\(file).output", .create)
        try File.resize(output, to: 0)
        let child = try ChildProcess(
            executable: "/bin/bash", arguments: ["-c", "\(before)exec \(StandInRoles.products)/fluxon-\(role) --config \(file)"],
            environment: [:], output: output)
        return Started(child: child, outputPath: "\(file).output")
    }

    @Test("fluxon dev runs the real roles: what one external puts the other gets, and Ctrl-C leaves nothing behind")
    func wholeCluster() throws {
        let work = "\(roles.folder)/work"
        let output = try File.open("\(roles.folder)/dev-output", .create)
        let dev = try ChildProcess(
            executable: "\(StandInRoles.products)/fluxon", arguments: ["dev", "--json", "--owners", "2", "--workdir", work],
            environment: ["PATH": "/usr/bin:/bin"], output: output)
        let started = Started(child: dev, outputPath: "\(roles.folder)/dev-output")
        let isReady = try started.wait { try started.output.split(separator: "\n").filter { $0.hasPrefix("{") }.count == 5 }
        let text = try started.output
        try #require(isReady, "\(text)")
        let pool = try OwnerConfiguration(yaml: roles.text("\(work)/config/owner-1.yaml"), file: "owner-1.yaml").sharedMemoryPath

        func socket(_ number: Int) -> String { "\(work)/run/owner-\(number)/external-\(number).sock" }
        let content = Array(repeatElement(Array("0123456789abcdef\n".utf8), count: 200_000).joined())
        try File.replace("\(roles.folder)/in", with: content)
        let put = try roles.run(["kv", "put", "k", "--file", "\(roles.folder)/in", "--attach", socket(1)])
        #expect(put.ending == .exited(code: 0), "\(put.output)")
        let got = try roles.run(["kv", "get", "k", "--output", "\(roles.folder)/out", "--attach", socket(2)])
        #expect(got.ending == .exited(code: 0), "\(got.output)")
        #expect(try File.readAll("\(roles.folder)/out", limit: 1 << 30) == content)
        #expect(try roles.run(["kv", "rm", "k", "--attach", socket(2)]).ending == .exited(code: 0))
        #expect(try roles.run(["kv", "exists", "k", "--attach", socket(1)]).ending == .exited(code: 3))

        let members = try JSONValue(parsing: Array(roles.run(["members", "--json", "--attach", socket(1)]).output.utf8))
        let names = members["members"]?.elements?.compactMap { $0["instance_key"]?.text } ?? []
        #expect(Set(names).isSuperset(of: ["master-1", "owner-1", "owner-2"]), "\(names)")
        #expect(try roles.run(["status", "--attach", socket(2)]).ending == .exited(code: 0))

        try started.child.process.signal(SIGINT)
        #expect(try started.end() == .exited(code: 0))
        #expect(access(pool, F_OK) != 0, "the pool's memory is given back")
    }
}
