import FluxonCore
import FluxonSystem
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
        #expect(table[0].split(separator: " ") == ["ROLE", "INSTANCE", "STATE", "LIFE", "HOST", "PID", "POOL", "SILENT", "ADDRESS"])
        #expect(
            table[1].split(separator: " ") == ["owner", "owner-1", "in", "3", "here", "42", "1.5", "GiB", "250", "ms", "127.0.0.1:7401"])
        #expect(table[3] == "cluster demo, term 7")
        let object = try JSONValue(parsing: Array(fluxon("members", "--json").output.utf8))
        #expect(object["cluster_name"]?.text == "demo" && object["term"]?.unsignedInteger == 7)
        #expect(object["members"]?.elements?.first?["pool_bytes"]?.unsignedInteger == 3 << 29)
        #expect(object["members"]?.elements?.last?["role"]?.text == "external")
    }

    @Test("status shows each process's figures")
    func status() throws {
        #expect(try fluxon("status").output == "owner owner-1\n  keys      12\n  validity  2.9 s\n")
        #expect(try fluxon("status", "--json").output == "{\"owner owner-1\": {\"keys\": 12, \"validity\": \"2.9 s\"}}\n")
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
            "dev", "kv", "kv put", "kv get", "kv rm", "kv exists", "kv size", "members", "status", "bench",
            "network", "network list", "network enable", "network disable", "network switch", "metrics",
        ])
    func help(command: String) throws {
        let result = try roles.run(command.split(separator: " ").map(String.init) + ["--help"])
        #expect(result.ending == .exited(code: 0))
        #expect(result.output.contains("USAGE: fluxon \(command)"))
    }
}
