import FluxonCore
import FluxonMaster
import FluxonRPC
import FluxonSystem
import Glibc
import Logging

/// Sidecars that join a master within a moment while owners watch the directory: real streams over Unix sockets in one process, the
/// master on a loop of its own. A probe on that loop is due every millisecond; how late it comes is how long a turn took.
struct PresenceTurns {
    private static let watchers = 16
    private static let connections = 16
    private static let path = "/tmp/fluxon-benchmark-\(getpid()).sock"
    let count: Int

    func run(_ report: (TurnTally) -> Void) async throws {
        let master = try EventLoop.started(name: "master")
        let members = try EventLoop.started(name: "members")
        defer {
            members.stop()
            master.stop()
            unlink(Self.path)
        }
        let stage = Stage(master, path: Self.path)
        try await stage.start()
        try await master.perform { stage.probe.begin() }
        let crowd = Crowd(members, path: Self.path)
        try await members.perform { crowd.watch(Self.watchers, on: Self.connections) }
        try await crowd.wait { $0.pages >= Self.watchers }
        try await members.perform { [count] in crowd.join(count) }
        try await crowd.wait { [count] in $0.joined == count }
        report(try await master.perform { stage.probe.tally })
        try await members.perform { crowd.close() }
        try await stage.close()
    }
}

/// The master's side.
private final class Stage: @unchecked Sendable {
    // SAFETY: everything is touched on `loop` only.
    private let loop: EventLoop
    private let server: RPCServer
    private let path: String
    let probe: TurnProbe

    init(_ loop: EventLoop, path: String) {
        self.loop = loop
        self.path = path
        server = RPCServer(loop: loop)
        probe = TurnProbe(loop)
    }

    func start() async throws {
        let logger = Logger(label: "turns") { _ in SwiftLogNoOpLogHandler() }
        let description = MemberDescription(role: .master, instanceKey: InstanceKey("master-1"))
        let routing = RoutingActor(loop: loop, cluster: "turns", master: description, logger: logger)
        try await loop.perform { [self] in
            for name in [MethodPath.masterLink, MethodPath.masterPresence] {
                server.handle(name) { stream in
                    let carried = OnLoop(stream)
                    routing.assumeIsolated { $0.accept(carried.value) }
                }
            }
            server.handle(MethodPath.masterDirectory) { stream in
                let carried = OnLoop(stream)
                routing.assumeIsolated { $0.watchDirectory(carried.value) }
            }
            _ = try server.listen(.unix(path), tls: nil)
            let timing = ProtocolTiming()
            let authority = Authority(term: 1, electionSent: loop.now, timing: timing)
            let table = RoutingTable(cluster: "turns", authority: authority, electedAt: loop.now, timing: timing, roster: [])
            routing.assumeIsolated { $0.lead(table, writeRoster: { _, _ in }, onDeposed: {}, onPresence: {}) }
        }
    }

    func close() async throws {
        try await loop.perform { [self] in
            probe.end()
            server.close()
        }
    }
}

/// The members' side.
private final class Crowd: @unchecked Sendable {
    // SAFETY: everything is touched on `loop` only.
    private let loop: EventLoop
    private let path: String
    private var clients: [RPCClient] = []
    private var streams: [RPCStream] = []
    private(set) var joined = 0
    /// Pages of the directory that came to watchers.
    private(set) var pages = 0

    init(_ loop: EventLoop, path: String) {
        self.loop = loop
        self.path = path
    }

    func watch(_ count: Int, on connections: Int) {
        clients = (0..<connections).map { _ in RPCClient(loop: loop, target: .unix(path)) }
        for index in 0..<count {
            let stream = clients[index % connections].openWithoutDeadline(MethodPath.masterDirectory)
            stream.onMessage = { [weak self] _ in self?.pages += 1 }
            stream.send([])
            stream.halfClose()
            streams.append(stream)
        }
    }

    func join(_ count: Int) {
        for index in 0..<count {
            var member = MemberDescription(role: .external, instanceKey: InstanceKey("external-\(index)"))
            member.incarnation = String(index + 1, radix: 16)
            member.socket = "/run/fluxon/external-\(index)/fluxon.sock"
            member.host = "machine-\(index / 8).example.com"
            let stream = clients[index % clients.count].openWithoutDeadline(MethodPath.masterPresence)
            stream.onMessage = { [weak self] _ in self?.joined += 1 }
            stream.send(JoinRequest(clusterName: "turns", member: member).encoded())
            streams.append(stream)
        }
    }

    func wait(_ isDone: @escaping @Sendable (Crowd) -> Bool) async throws {
        let deadline = BootClock.now.advanced(by: .seconds(120))
        while try await !loop.perform({ [self] in isDone(self) }) {
            guard BootClock.now < deadline else { throw BenchmarkFailure("the members did not get through within two minutes") }
            try await loop.sleep(for: .milliseconds(5))
        }
    }

    func close() {
        for stream in streams { stream.cancel() }
        for client in clients { client.close() }
    }
}

/// Comes every millisecond on a loop and notes how late it is.
private final class TurnProbe {
    private let loop: EventLoop
    private var timer: LoopTimer?
    private(set) var tally = TurnTally()

    init(_ loop: EventLoop) { self.loop = loop }

    func begin() {
        let due = loop.now.advanced(by: .milliseconds(1))
        timer = loop.schedule(at: due) { [weak self] in
            guard let self else { return }
            tally.add(loop.now.since(due))
            begin()
        }
    }

    func end() { timer?.cancel() }
}
