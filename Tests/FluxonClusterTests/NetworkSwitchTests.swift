import FluxonCore
import FluxonSystem
import FluxonTestFiles
import Glibc
import Testing

/// Devices switched by a person while owners run. The devices are doubles; everything between the command and them is real.
@Suite(.serialized, .timeLimit(.minutes(3))) struct NetworkSwitchTests {
    private static let within = Duration.seconds(1)

    private func network(_ cluster: InProcessCluster, _ arguments: String...) throws -> CommandLineTool.Result {
        try CommandLineTool.run(["network"] + arguments, attachedTo: cluster.ownerSocket(1), in: cluster.folder)
    }

    /// The states of owner-1's devices as `fluxon network list` at the other owner tells them.
    private func states(_ cluster: InProcessCluster) throws -> [String?] {
        let owner = try network(cluster, "list", "--json").json["owners"]?.elements?.first { $0["instance_key"]?.text == "owner-1" }
        return owner?["devices"]?.elements?.map { $0["state"]?.text } ?? []
    }

    @Test("a disabled device is out of use within a second, and stays so over restarts of its owner and of the master")
    func disable() async throws {
        try await InProcessCluster.with(owners: 2) { cluster in
            var told = cluster.settings(0).makeAsyncIterator()
            #expect(await told.next() == .everyDevice)

            // A busy machine can only make it longer.
            var fastest = Duration.seconds(60)
            for _ in 0..<3 where fastest >= Self.within {
                _ = try network(cluster, "enable", "--owner", "owner-1", "--all")
                let began = ContinuousClock.now
                let result = try network(cluster, "disable", "--owner", "owner-1", "mlx5_1")
                while await told.next() != .allExcept(["mlx5_1"]) {}
                fastest = min(fastest, ContinuousClock.now - began)
                #expect(
                    result.ending == .exited(code: 0) && result.output == "owner-1 now uses every device but mlx5_1\n", "\(result.output)")
            }
            #expect(fastest < Self.within, "with the start and the end of the command's process")
            #expect(try states(cluster) == ["active", "disabled"])
            let again = try network(cluster, "disable", "--owner", "owner-1", "mlx5_1")
            #expect(again.ending == .exited(code: 0) && again.output.hasPrefix("nothing to change: owner-1 uses every device but mlx5_1"))

            await cluster.stopOwner(0)
            try await cluster.startOwner(0)
            #expect(await told.next() == .allExcept(["mlx5_1"]), "before any device was used")
            try cluster.startMaster(1)
            await cluster.stopMaster(0)
            var switched = try network(cluster, "switch", "--owner", "owner-1", "--to", "mlx5_1", "--json")
            // The owner that is asked may not have found the next master yet.
            while switched.ending != .exited(code: 0), switched.output.contains("master") {
                switched = try network(cluster, "switch", "--owner", "owner-1", "--to", "mlx5_1", "--json")
            }
            #expect(try switched.json["settings_asked"]?["only"]?.elements?.map(\.text) == ["mlx5_1"], "\(switched.output)")
            #expect(await told.next() == .only(["mlx5_1"]))
            #expect(try states(cluster) == ["disabled", "active"])
        }
    }

    @Test("what cannot be is told with what could; list shows what is asked beside what is in force")
    func mistakes() async throws {
        try await InProcessCluster.with(owners: 2) { cluster in
            let device = try network(cluster, "disable", "--owner", "owner-1", "mlx5_7")
            #expect(device.ending == .exited(code: 1))
            #expect(device.output == "fluxon: owner-1 has no device 'mlx5_7'; its devices are mlx5_0, mlx5_1\n")
            let owner = try network(cluster, "enable", "--owner", "owner-3", "--all")
            #expect(owner.ending == .exited(code: 1) && owner.output == "fluxon: no owner 'owner-3'; the owners are owner-1, owner-2\n")
            #expect(try network(cluster, "enable", "--owner", "owner-1").ending == .exited(code: 64))
            #expect(try network(cluster, "disable", "--owner", "owner-1", "mlx5/0").ending == .exited(code: 64))

            await cluster.stopOwner(0)
            let away = try network(cluster, "disable", "--owner", "owner-1", "mlx5_0")
            #expect(away.ending == .exited(code: 1))
            #expect(
                away.output.contains("recorded that owner-1 is to use every device but mlx5_0, but it has not confirmed"), "\(away.output)")
            #expect(away.output.contains("it takes effect when the owner is back"), "\(away.output)")
            let list = try network(cluster, "list")
            #expect(list.ending == .exited(code: 0))
            let lines = list.output.split(separator: "\n").map(String.init)
            #expect(lines.contains { $0.contains(/^owner-1 +every device but mlx5_0 +does not answer$/) }, "\(list.output)")
            #expect(lines.contains { $0.contains(/^owner-2 +every device +every device$/) }, "\(list.output)")
            #expect(lines.contains { $0.hasPrefix("owner-1: no answer from 127.0.0.1:") }, "\(list.output)")
            try await cluster.startOwner(0)
            #expect(try states(cluster) == ["disabled", "active"])
        }
    }

    @Test("two people who switch at the same time both get what they asked for")
    func together() async throws {
        try await InProcessCluster.with(owners: 2) { cluster in
            let endings = try await withThrowingTaskGroup(of: ChildProcess.Ending?.self) { group in
                for (owner, device) in [(0, "mlx5_0"), (1, "mlx5_1")] {
                    group.addTask {
                        try CommandLineTool.run(
                            ["network", "disable", "--owner", "owner-1", device], attachedTo: cluster.ownerSocket(owner), in: cluster.folder
                        ).ending
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(endings == [.exited(code: 0), .exited(code: 0)])
            #expect(try states(cluster) == ["disabled", "disabled"])
        }
    }

    @Test("members --network, status and metrics show the path that values took, also of an owner that is stopped, and promtool is content")
    func shown() async throws {
        let cluster = try TestCluster(hasExternals: true)
        func fluxon(_ arguments: String...) throws -> CommandLineTool.Result {
            try CommandLineTool.run(arguments, attachedTo: cluster.externalSocket(1), in: cluster.folder)
        }
        let value = "\(cluster.folder)/value"
        try File.replace(value, with: [UInt8](repeating: 7, count: 3_000_000))
        let put = ["kv", "put", "key", "--file", value]
        #expect(try CommandLineTool.run(put, attachedTo: cluster.ownerSocket(0), in: cluster.folder).ending == .exited(code: 0))
        #expect(try fluxon("kv", "get", "key", "--output", "\(cluster.folder)/copy").ending == .exited(code: 0))

        let table = try fluxon("members", "--network").output
        #expect(
            table.split(separator: "\n").contains { $0.contains(/^owner-2 +owner-1 +tcp +yes +1 +2.86 MiB +0 B +0 +0 +-$/) }, "\(table)")
        #expect(table.contains("no owner has an RDMA device: values go over TCP"), "\(table)")
        // A sidecar hands a switch on like everything else.
        let switched = try fluxon("network", "enable", "--owner", "owner-1", "--all")
        #expect(switched.output == "nothing to change: owner-1 uses every device already\n")
        let status = try fluxon("status", "--json")
        #expect(try status.json["network of owner-2"]?["tcp_bytes"]?.unsignedInteger == 3_000_000, "\(status.output)")
        let metrics = try fluxon("metrics").output
        for line in [
            "fluxon_transfer_bytes_total{instance=\"owner-2\",path=\"tcp\"} 3000000", "fluxon_owner_up{instance=\"owner-1\"} 1",
            "fluxon_owner_valid{instance=\"owner-2\"} 1", "fluxon_master_leading{instance=\"master-1\"} 1",
        ] { #expect(metrics.contains(line + "\n"), "\(line) is not in \(metrics)") }
        #expect(try PrometheusTool.complaints(about: metrics, in: cluster.folder) == "")
        let sections = try #require({ if case .object(let members) = try status.json { members } else { nil } }())
        for section in sections {
            guard case .object(let figures) = section.value else { continue }
            let told = StatusAnswer.Section(title: section.name, figures: figures.map { .init($0.name, $0.value.text()) })
            #expect(StatusMetrics.unknownFigures(of: told) == [], "give each figure of \(section.name) its metric in StatusMetrics")
        }

        cluster.owners[0].signal(SIGSTOP)
        let stopped = try fluxon("members", "--network", "--json")
        let fallen = try fluxon("metrics").output
        cluster.owners[0].signal(SIGCONT)
        #expect(stopped.ending == .exited(code: 0))
        let owners = try #require(try stopped.json["owners"]?.elements)
        #expect(owners.map { $0["instance_key"]?.text } == ["owner-1", "owner-2"])
        #expect(owners[0]["problem"]?.text?.contains("within 1.0 seconds; is the process stopped") == true, "\(stopped.output)")
        #expect(owners[1]["peers"]?.elements?.first?["path_in_use"]?.text == "tcp", "\(stopped.output)")
        #expect(fallen.contains("fluxon_owner_up{instance=\"owner-1\"} 0\n"))
    }
}
