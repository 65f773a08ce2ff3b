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
                return MembersAnswer.Member(description: owner, state: "in", silentMilliseconds: 250)
            }(),
            MembersAnswer.Member(
                description: MemberDescription(role: .external, instanceKey: InstanceKey("worker-1")), state: "connected",
                silentMilliseconds: 3),
        ])

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
            try service.listen(path: path)
            parts = [pool, backend, server, service]
        }
    }

    deinit { loop.stop() }
}
