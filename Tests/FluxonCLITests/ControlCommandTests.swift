import FluxonCore
import FluxonSystem
import FluxonTestFiles
import Testing

@Suite(.timeLimit(.minutes(2))) struct ControlCommandTests {
    private let roles: StandInRoles
    private let owner: ServedOwner

    init() async throws {
        roles = try StandInRoles()
        owner = try await ServedOwner(folder: roles.folder)
    }

    private func fluxon(_ arguments: String...) throws -> (ending: ChildProcess.Ending?, output: String) {
        try roles.run(arguments + ["--attach", owner.path])
    }

    @Test("members is a table for a person and one object for a script")
    func members() throws {
        let table = try fluxon("members").output.split(separator: "\n")
        #expect(table[0].split(separator: " ") == ["ROLE", "INSTANCE", "STATE", "FOR", "LIFE", "HOST", "PID", "POOL", "SILENT", "ADDRESS"])
        #expect(
            table[1].split(separator: " ") == [
                "owner", "owner-1", "in", "3", "min", "3", "here", "42", "1.5", "GiB", "250", "ms", "127.0.0.1:7401",
            ])
        #expect(table[3] == "cluster demo, term 7")
        let object = try JSONValue(parsing: Array(fluxon("members", "--json").output.utf8))
        #expect(object["cluster_name"]?.text == "demo" && object["term"]?.unsignedInteger == 7)
        #expect(object["members"]?.elements?.first?["pool_bytes"]?.unsignedInteger == 3 << 29)
        #expect(object["members"]?.elements?.first?["state_ms"]?.unsignedInteger == 180_000)
        #expect(object["members"]?.elements?.last?["role"]?.text == "external")
    }

    @Test("status leads with what is wrong, exits with 1 for it, and goes on with each process's figures")
    func status() throws {
        let problem = "no master answers: puts and misses wait until one leads"
        let text = try fluxon("status")
        #expect(text.ending == .exited(code: 1))
        #expect(
            text.output
                == "not healthy\n  \(problem)\nmembers  0 masters, 1 owner, 1 external\n\nowner owner-1\n  keys      12\n  validity  2.9 s\n"
        )
        let health = "\"health\": {\"healthy\": false, \"problems\": [\"\(problem)\"]}"
        #expect(
            try fluxon("status", "--json").output == "{\(health), \"owner owner-1\": {\"keys\": 12, \"validity\": \"2.9 s\"}}\n")
    }

    @Test("version says commit, protocol and build, as text and as an object")
    func version() throws {
        let text = try roles.run(["version"])
        #expect(text.ending == .exited(code: 0))
        #expect(text.output.firstMatch(of: /^fluxon: commit \S+, protocol \d+, (debug|release) build\n$/) != nil, "\(text.output)")
        #expect(try roles.run(["--version"]).output == text.output)
        let object = try JSONValue(parsing: Array(roles.run(["version", "--json"]).output.utf8))
        #expect(object["protocol"]?.unsignedInteger == UInt64(ProtocolVersion.current) && object["commit"]?.text != nil)
    }

    @Test("the network is tables for a person, with what is wrong below, and one object for a script")
    func network() throws {
        let settings = [
            "OWNER    ASKED        IN FORCE", "owner-1  only mlx5_0  every device but mlx5_1 (not yet what is asked)",
            "owner-2  every device  does not answer",
        ].map { $0.split(separator: " ") }
        let devices = [
            "OWNER DEVICE PORT STATE LINK RATE MTU NUMA GID ADDRESS CONNECTIONS",
            "owner-1 mlx5_0 1 active Ethernet 100 Gb/s 4096 0 fe80::1 (3, RoCE v2) 10.0.0.1:7500 2",
            "owner-1 mlx5_1 1 disabled - - - - - - 0",
        ].map { $0.split(separator: " ") }
        let paths = [
            "OWNER PEER PATH IN USE READS READ SERVED ERRORS FALLBACKS SET ASIDE",
            "owner-1 owner-2 rdma mlx5_0 - 7 3 MiB 0 B 1 1 90 ms", "owner-1 owner-2 tcp yes 1 1 KiB 2 KiB 0 1 -",
        ].map { $0.split(separator: " ") }
        let notes = ["owner-1 mlx5_1/1: disabled by the settings", "owner-2: no answer from 10.0.0.2:7400"]
        let list = try fluxon("network", "list").output.split(separator: "\n")
        #expect(list.prefix(6).map { $0.split(separator: " ") } == settings + devices)
        #expect(list.dropFirst(6).map(String.init) == notes)
        let all = try fluxon("members", "--network").output.split(separator: "\n")
        #expect(all.prefix(9).map { $0.split(separator: " ") } == settings + devices + paths)
        #expect(all.contains("owner-1 from owner-2: last error over rdma mlx5_0: the link went down"))

        let object = try JSONValue(parsing: Array(fluxon("network", "list", "--json").output.utf8))
        let owner = try #require(object["owners"]?.elements?.first)
        #expect(owner["settings_asked"]?["only"]?.elements?.map(\.text) == ["mlx5_0"])
        #expect(owner["settings_in_force"]?["disabled"]?.elements?.map(\.text) == ["mlx5_1"])
        #expect(owner["devices"]?.elements?.first?["rate_gbps"]?.unsignedInteger == 100)
        #expect(owner["peers"]?.elements?.first?["paths"]?.elements?.first?["last_error"]?.text == "the link went down")
        #expect(object["owners"]?.elements?.last?["problem"]?.text == "no answer from 10.0.0.2:7400")
    }

    @Test("a switch that its owner does not confirm is recorded, and said to be no more than that")
    func unconfirmedSwitch() throws {
        let result = try fluxon("network", "switch", "--owner", "owner-1", "--to", "mlx5_0")
        #expect(result.ending == .exited(code: 1))
        let text = "fluxon: recorded that owner-1 is to use only mlx5_0, but it has not confirmed within 2.0 seconds: "
        #expect(result.output.hasPrefix(text + "it still goes by what etcd held at revision 8, this is revision 10"), "\(result.output)")
        let away = try fluxon("network", "disable", "--owner", "owner-2", "anything")
        #expect(away.output.contains("no answer from 10.0.0.2:7400; it takes effect when the owner is back."), "\(away.output)")
        #expect(away.output.contains("names could not be checked"), "\(away.output)")
        let unknown = try fluxon("network", "disable", "--owner", "owner-9", "mlx5_0")
        #expect(unknown.output == "fluxon: no owner 'owner-9'; the owners are owner-1, owner-2\n")
        #expect(try fluxon("network", "list", "--owner", "owner-9").output == unknown.output)
    }

    @Test("metrics are what Prometheus' own tool takes without a word")
    func metrics() throws {
        let text = try fluxon("metrics").output
        for line in [
            "fluxon_owner_keys{instance=\"owner-1\"} 12", "fluxon_owner_up{instance=\"owner-2\"} 0",
            "fluxon_device_state{instance=\"owner-1\",device=\"mlx5_1\",port=\"1\",state=\"disabled\"} 1",
        ] { #expect(text.contains(line + "\n"), "\(line) is not in \(text)") }
        #expect(try PrometheusTool.complaints(about: text, in: roles.folder) == "")
        // The tool does look.
        #expect(try PrometheusTool.complaints(about: "# HELP a Grows.\n# TYPE a counter\na 1\n", in: roles.folder) != "")
    }

    @Test("a shared.json names the socket too, and a wrong one is told for what it is")
    func sharedDescription() throws {
        let description = SharedDescription(
            clusterName: "demo", subCluster: nil, owner: InstanceKey("owner-1"), epoch: 1, pool: "/p", indexSlots: 1, socket: owner.path,
            etcdEndpoints: [])
        try File.replace("\(roles.folder)/shared.json", with: description.encoded())
        #expect(try roles.run(["members", "--attach", "\(roles.folder)/shared.json"]).ending == .exited(code: 0))
        try File.replace("\(roles.folder)/other.json", with: Array("{}".utf8))
        let wrong = try roles.run(["members", "--attach", "\(roles.folder)/other.json"])
        #expect(
            wrong.ending == .exited(code: 1) && wrong.output.contains("other.json: the field protocol_version is missing"),
            "\(wrong.output)")
    }

    @Test("bench prints an object per case and size, with the fields that a script reads, and leaves no key behind")
    func bench() throws {
        let result = try fluxon("bench", "--json", "--bytes", "1KiB", "--bytes", "64KiB", "--duration", "20ms", "--peer", owner.path)
        #expect(result.ending == .exited(code: 0), "\(result.output)")
        let lines = try result.output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
        let cases = [
            "memcpy", "raw loopback", "local get zero-copy", "local get touched", "local put", "local put on the store's executor",
            "remote get tcp", "rpc unary",
        ]
        for name in cases {
            let own = lines.filter { $0["case"]?.text == name }
            let inFlight = name.hasPrefix("local put") || name == "rpc unary" ? [1, 64] : [1]
            #expect(own.count == 2 * inFlight.count, "\(name)")
            #expect(Set(own.compactMap { $0["in_flight"]?.unsignedInteger }) == Set(inFlight.map { UInt64($0) }))
            for line in own {
                for field in ["ops_per_s", "gb_per_s", "p50_us", "p99_us"] { #expect(line[field]?.double != nil, "\(name) \(field)") }
            }
        }
        #expect(lines.count == 22)
        #expect(try fluxon("kv", "exists", "fluxon-bench/get/1024").ending == .exited(code: 3))
    }

    @Test(
        "every command explains itself",
        arguments: [
            "dev", "version", "kv", "kv put", "kv get", "kv ls", "kv rm", "kv exists", "kv size", "members", "status", "bench",
            "network", "network list", "network enable", "network disable", "network switch", "metrics",
        ])
    func help(command: String) throws {
        let result = try roles.run(command.split(separator: " ").map(String.init) + ["--help"])
        #expect(result.ending == .exited(code: 0))
        #expect(result.output.contains("USAGE: fluxon \(command)"))
    }
}
