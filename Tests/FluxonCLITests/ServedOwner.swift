import FluxonCore
import FluxonOwner
import FluxonPool
import FluxonRPC
import FluxonSystem

/// An owner without a cluster behind a real socket, in this process, with a master's answers to members and status.
final class ServedOwner: @unchecked Sendable {
    // SAFETY: `parts` is written once, before anybody else sees this object; what is in it is touched on the loop alone.
    let path: String
    private let loop: EventLoop
    private var parts: [AnyObject] = []

    static let members = MembersAnswer(
        clusterName: "demo", term: 7,
        members: [
            {
                var owner = MemberDescription(role: .owner, instanceKey: InstanceKey("owner-1"))
                owner.generation = Generation(3)
                owner.host = "here"
                owner.processID = 42
                owner.poolBytes = 3 << 29
                owner.address = "127.0.0.1:7401"
                return MembersAnswer.Member(description: owner, state: "in", silentMilliseconds: 250, stateMilliseconds: 180_000)
            }(),
            MembersAnswer.Member(
                description: MemberDescription(role: .external, instanceKey: InstanceKey("worker-1")), state: "connected",
                silentMilliseconds: 3),
        ])

    /// Of an owner with devices, and of one that does not answer.
    static let networks: NetworkReport = {
        var active = NetworkAnswer.Device(name: "mlx5_0", port: 1, state: .active)
        (active.linkLayer, active.rateGigabits, active.mtu, active.numaNode, active.connections) = ("Ethernet", 100, 4096, 0, 2)
        (active.gid, active.gidIndex, active.gidType, active.address) = ("fe80::1", 3, "RoCE v2", "10.0.0.1:7500")
        var disabled = NetworkAnswer.Device(name: "mlx5_1", port: 1, state: .disabled)
        disabled.reason = "disabled by the settings"
        var rdma = NetworkAnswer.Path(name: "rdma mlx5_0")
        (rdma.reads, rdma.bytes, rdma.errors, rdma.lastError, rdma.asideMilliseconds) = (7, 3 << 20, 1, "the link went down", 90)
        var tcp = NetworkAnswer.Path(name: "tcp")
        (tcp.reads, tcp.bytes, tcp.bytesServed) = (1, 1024, 2048)
        var peer = NetworkAnswer.Peer(name: InstanceKey("owner-2"))
        (peer.pathInUse, peer.fallbacks, peer.paths) = ("tcp", 1, [rdma, tcp])
        var answer = NetworkAnswer()
        (answer.devices, answer.peers, answer.totals, answer.fallbacks) = ([active, disabled], [peer], [tcp], 1)
        (answer.settings, answer.settingsRevision) = (.allExcept(["mlx5_1"]), 8)
        var first = NetworkReport.Owner(name: InstanceKey("owner-1"))
        (first.answer, first.recorded, first.recordedRevision) = (answer, .only(["mlx5_0"]), 9)
        var second = NetworkReport.Owner(name: InstanceKey("owner-2"))
        (second.problem, second.recorded) = ("no answer from 10.0.0.2:7400", .everyDevice)
        return NetworkReport(owners: [first, second])
    }()

    /// Of a master: three pages, of which the second is empty.
    static func keys(_ request: KeysRequest) -> KeysAnswer {
        let all: [[UInt8]] = [Array("a/one".utf8), [0xFF, 1], Array("a/two\n".utf8)]
        var answer = KeysAnswer(term: 7, isComplete: true)
        let shown = request.position == 0 ? all.prefix(2) : request.position == 5 ? [] : all.suffix(1)
        for bytes in shown where bytes.starts(with: request.prefix) {
            guard let key = try? Key(bytes) else { continue }
            answer.entries.append(.init(key: key, byteCount: 4096, version: Version(term: 7, sequence: 3), holders: 2))
        }
        answer.next = [0: 5, 5: 9][request.position]
        return answer
    }

    init(folder: String, capacityBytes: Int = 64 << 20) async throws {
        path = folder + "/owner.sock"
        loop = try EventLoop.started(name: "owner")
        try await loop.perform { [self] in
            let pool = try Pool(PoolStorage.anonymous(capacityBytes: capacityBytes), epoch: 1)
            let backend = StandaloneBackend(pool: pool, loop: loop)
            let server = RPCServer(loop: loop)
            let identity = LocalIdentity(clusterName: "demo", owner: InstanceKey("owner-1"), generation: Generation(1))
            let service = LocalService(loop: loop, server: server, pool: pool, backend: backend, identity: identity)
            server.unaryNow(MethodPath.controlMembers) { _, _ throws(RPCError) in Self.members.encoded() }
            server.unaryNow(MethodPath.controlStatus) { _, _ throws(RPCError) in
                let figures = [StatusAnswer.Figure("keys", "12"), StatusAnswer.Figure("validity", "2.9 s")]
                return StatusAnswer(sections: [StatusAnswer.Section(title: "owner owner-1", figures: figures)]).encoded()
            }
            server.unaryNow(MethodPath.controlKeys) { bytes, _ throws(RPCError) in
                (try? KeysRequest(decoding: bytes)).map(Self.keys)?.encoded() ?? []
            }
            server.unaryNow(MethodPath.controlNetwork) { bytes, _ throws(RPCError) in
                var report = Self.networks
                let asked = (try? NetworkRequest(decoding: bytes))?.owner
                report.owners.removeAll { asked != nil && $0.name != asked }
                return report.encoded()
            }
            // Records, and never comes into force.
            server.unaryNow(MethodPath.controlNetworkChange) { _, _ throws(RPCError) in
                NetworkChangeAnswer(settings: .only(["mlx5_0"]), revision: 10, isChanged: true).encoded()
            }
            try service.listen(path: path)
            parts = [pool, backend, server, service]
        }
    }

    deinit { loop.stop() }
}
