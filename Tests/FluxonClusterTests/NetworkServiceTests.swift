import FluxonCore
import FluxonEtcd
import FluxonRPC
import FluxonSystem
import Testing

/// What an owner answers to questions about its network that no command of ours asks.
@Suite(.serialized, .timeLimit(.minutes(2))) struct NetworkServiceTests {
    private func withCluster(_ body: (InProcessCluster, EventLoop) async throws -> Void) async throws {
        let loop = try EventLoop.started(name: "asker")
        defer { loop.stop() }
        try await InProcessCluster.with(owners: 1) { try await body($0, loop) }
    }

    @Test("on its address an owner answers for itself, soon and to sense alone, and lets nobody switch")
    func address() async throws {
        try await withCluster { cluster, loop in
            let local = RPCClient(loop: loop, target: .unix(cluster.ownerSocket(0)))
            let members = try MembersAnswer(decoding: await local.unary(MethodPath.controlMembers, []))
            let owner = try #require(members.members.first { $0.description.role == .owner }?.description)
            let peer = RPCClient(loop: loop, target: try SocketAddress(parsing: owner.address))

            var request = NetworkRequest(owner: owner.instanceKey)
            request.isForwarded = true
            let report = try NetworkReport(decoding: await peer.unary(MethodPath.controlNetwork, request.encoded()))
            let revision = try #require(report.owners.first?.answer?.settingsRevision)
            #expect(report.owners.count == 1 && revision > 0)
            // What never comes is answered before the deadline, with what is in force.
            request.awaitedRevision = .max
            let answer = try await peer.unary(MethodPath.controlNetwork, request.encoded(), deadline: .seconds(2))
            #expect(try NetworkReport(decoding: answer).owners.first?.answer?.settingsRevision == revision)

            request.owner = InstanceKey("owner-9")
            let stranger = await #expect(throws: RPCError.self) { try await peer.unary(MethodPath.controlNetwork, request.encoded()) }
            #expect(stranger?.code == .failedPrecondition)
            let garbage = await #expect(throws: RPCError.self) { try await peer.unary(MethodPath.controlNetwork, [0xff]) }
            #expect(garbage?.code == .invalidArgument)
            let change = NetworkChange(owner: owner.instanceKey, action: .disable, devices: ["mlx5_0"])
            let refused = await #expect(throws: RPCError.self) {
                try await peer.unary(MethodPath.controlNetworkChange, change.encoded())
            }
            #expect(refused?.code == .unimplemented)
            local.close()
            peer.close()
        }
    }

    @Test("what nobody can read in etcd changes nothing, is told, and is replaced by the next switch")
    func garbageInEtcd() async throws {
        try await withCluster { cluster, loop in
            let etcd = EtcdClient(loop: loop, options: try EtcdClientOptions(endpoints: [cluster.endpoint]))
            var told = cluster.settings(0).makeAsyncIterator()
            #expect(await told.next() == .everyDevice)
            let key = MetadataKeyspace(clusterName: "test").networkSettings(of: InstanceKey("owner-1"))
            try await etcd.put(key, "disabled=mlx5_0")
            #expect(await told.next() == .allExcept(["mlx5_0"]))
            try await etcd.put(key, "one two")
            func list() throws -> CommandLineTool.Result {
                try CommandLineTool.run(["network", "list"], attachedTo: cluster.ownerSocket(0), in: cluster.folder)
            }
            var shown = try list()
            while !shown.output.contains("is no line of settings; `fluxon network enable --all` writes a new one") { shown = try list() }
            #expect(shown.output.contains("every device but mlx5_0"), "\(shown.output)")
            let healed = try CommandLineTool.run(
                ["network", "switch", "--owner", "owner-1", "--to", "mlx5_1"], attachedTo: cluster.ownerSocket(0), in: cluster.folder)
            #expect(healed.output == "owner-1 now uses only mlx5_1\n")
            #expect(await told.next() == .only(["mlx5_1"]))
            try await etcd.delete(.key(key))
            #expect(await told.next() == .everyDevice)
            await etcd.close()
        }
    }
}
