import FluxonCore
import FluxonRPC
import FluxonSystem

/// Questions to a role about itself and its cluster, over the socket that processes attach to.
struct ControlClient: ~Copyable {
    private let loop: EventLoop
    private let client: RPCClient
    private let timeout: Duration

    /// - Parameter path: A role's socket, or an owner's shared.json.
    init(path: String, timeout: Duration) throws {
        self.timeout = timeout
        var socket = path
        if path.hasSuffix(".json") {
            let bytes = try File.readAll(path, limit: SharedDescription.maximumBytes)
            do { socket = try SharedDescription(decoding: bytes).socket } catch { throw CommandFailure.failed("\(path): \(error)") }
        }
        loop = try EventLoop.started(name: "control")
        client = RPCClient(loop: loop, target: .unix(socket))
    }

    deinit {
        client.close()
        loop.stop()
    }

    /// All of them, however many answers that takes.
    func members() async throws -> MembersAnswer {
        var answer = try await members(MembersRequest())
        while answer.hasMore, let last = answer.members.last {
            let next = try await members(MembersRequest(after: last.description.instanceKey))
            answer.members += next.members
            // An answer that brings nothing would be asked for without end.
            answer.hasMore = next.hasMore && !next.members.isEmpty
        }
        return answer
    }

    private func members(_ request: MembersRequest) async throws -> MembersAnswer {
        try MembersAnswer(decoding: await client.unary(MethodPath.controlMembers, request.encoded(), deadline: timeout))
    }

    func status() async throws -> StatusAnswer {
        try StatusAnswer(decoding: await client.unary(MethodPath.controlStatus, [], deadline: timeout))
    }

    func keys(_ request: KeysRequest) async throws -> KeysAnswer {
        try KeysAnswer(decoding: await client.unary(MethodPath.controlKeys, request.encoded(), deadline: timeout))
    }

    /// - Parameter request: Also for owners elsewhere: this one gathers.
    func network(_ request: NetworkRequest) async throws -> NetworkReport {
        try NetworkReport(decoding: await client.unary(MethodPath.controlNetwork, request.encoded(), deadline: timeout))
    }

    /// What an etcd that lost its history may take over from the owners; with a confirmed request, when it has.
    func recover(_ request: RecoveryRequest) async throws -> RecoveryAnswer {
        try RecoveryAnswer(decoding: await client.unary(MethodPath.controlRecover, request.encoded(), deadline: timeout))
    }

    /// Returns when the master has recorded it.
    func change(_ change: NetworkChange) async throws -> NetworkChangeAnswer {
        try NetworkChangeAnswer(decoding: await client.unary(MethodPath.controlNetworkChange, change.encoded(), deadline: timeout))
    }
}
