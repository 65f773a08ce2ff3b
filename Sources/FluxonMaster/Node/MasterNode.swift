package import FluxonCore
internal import FluxonEtcd
internal import FluxonEtcdEmbedded
internal import FluxonRPC
internal import FluxonSystem
internal import FluxonTLS
internal import Glibc
package import Logging
internal import ServiceLifecycle

/// A master process: campaigns for the leadership, leads while it has it, campaigns again.
///
///     etcd ◀── LeaseActor ──(table of the term)──▶ RoutingActor ◀── links of owners, presence of externals
///
/// Everything lives on one event loop.
package final class MasterNode: Service {
    private let configuration: MasterConfiguration
    private let logger: Logger

    package init(_ configuration: MasterConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Until graceful shutdown or cancellation; then the leadership is given up at once.
    package func run() async throws {
        let loop = try EventLoop.started(name: "master")
        defer { loop.stop() }
        try await withTaskExecutorPreference(loop.taskExecutor) {
            try await cancelWhenGracefulShutdown { try await self.serve(on: loop) }
        }
    }

    private func serve(on loop: EventLoop) async throws {
        let (failures, failure) = AsyncStream.makeStream(of: (any Error).self)
        let embedded = try await serveMetadata { failure.yield($0) }
        let etcd = EtcdClient(
            loop: loop, options: try EtcdClientOptions(endpoints: configuration.etcdEndpoints, access: configuration.etcd))
        let server = RPCServer(loop: loop, logger: logger)
        _ = RPCHealth(on: server)
        let bound = OnLoop(server)
        let listen = configuration.listen
        let tls = try RoleTLS(configuration.tls) { [logger] event in
            logger.log(level: event.isProblem ? .error : .notice, "certificates", metadata: ["fluxon.tls": "\(event)"])
        }
        if let problem = tls?.ownProblem { logger.error("certificates", metadata: ["fluxon.tls": "\(problem)"]) }
        let address = try await loop.perform { try bound.value.listen(.tcp(host: listen.host, port: listen.port), tls: tls?.server) }
        logger.info("master listens", metadata: ["fluxon.address": "\(address)"])
        let routing = RoutingActor(
            loop: loop, cluster: configuration.clusterName, master: description(advertised: advertised(address)), logger: logger)
        let lease = LeaseActor(
            loop: loop, etcd: etcd, cluster: configuration.clusterName, timing: configuration.timing, logger: logger)
        MasterService(routing: routing, lease: lease, instanceKey: configuration.instanceKey).register(on: server)
        if configuration.monitoring != nil {
            logger.warning("monitoring is configured, and this version writes no metrics or logs to it yet; see fluxon status")
        }
        await reportReachability(of: etcd)
        let ending = await first(of: failures) {
            try await self.campaignForever(lease, routing, advertised: self.advertised(address))
        }
        ServiceNotifier.stopping()
        try await loop.perform { bound.value.close() }
        await etcd.close()
        await embedded?.stop()
        if !(ending is CancellationError), !Task.isShuttingDownGracefully { throw ending }
    }

    /// What ends this master: a failure that comes from beside it, or the error of `body`, which is cancelled and awaited in either case.
    private func first(of failures: AsyncStream<any Error>, or body: @escaping @Sendable () async throws -> Void) async -> any Error {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await body() }
                group.addTask { for await failure in failures { throw failure } }
                defer { group.cancelAll() }
                try await group.next()
            }
            return CancellationError()
        } catch {
            return error
        }
    }

    /// An etcd that is away is waited for, visibly.
    private func reportReachability(of etcd: EtcdClient) async {
        ServiceNotifier.status("reaching etcd")
        do throws(EtcdError) {
            let status = try await etcd.status()
            logger.info("etcd answers", metadata: ["fluxon.etcd": "\(status.version)"])
        } catch {
            ServiceNotifier.status("waits: \(error)")
            logger.error("etcd does not serve this master; trying on", metadata: ["fluxon.error": "\(error)"])
        }
    }

    /// The metadata of one machine, from a file of this process, where the configuration asks for that. When the file fails, only a new
    /// start can tell what it holds: this process ends, visibly, for its supervisor to start it again.
    private func serveMetadata(onFailure: @escaping @Sendable (any Error) -> Void) async throws -> EmbeddedEtcd? {
        guard let metadata = configuration.embeddedMetadata else { return nil }
        let (server, address) = try await EmbeddedEtcd.start(
            path: metadata.path, listen: .tcp(host: metadata.listen.host, port: metadata.listen.port), logger: logger, onFailure: onFailure)
        logger.info("embedded metadata", metadata: ["fluxon.address": "\(address)", "fluxon.file": "\(metadata.path)"])
        return server
    }

    /// What owners are told to connect to.
    private func advertised(_ bound: SocketAddress) -> String {
        guard case .tcp(let host, let port) = bound else { return "\(bound)" }
        return configuration.network.advertised(host: host, port: port)
    }

    private func description(advertised: String) -> MemberDescription {
        var member = MemberDescription(role: .master, instanceKey: configuration.instanceKey)
        member.address = advertised
        member.host = HostName.current
        member.processID = UInt64(getpid())
        return member
    }

    private func campaignForever(_ lease: LeaseActor, _ routing: RoutingActor, advertised: String) async throws -> Never {
        let line = AttributeLine([
            ("address", advertised), ("instance", configuration.instanceKey.name), ("protocol", "\(ProtocolVersion.current)"),
            ("host", HostName.current.replacing(" ", with: "-")), ("pid", "\(getpid())"),
        ])
        if configuration.embeddedMetadata != nil { await lease.endFormerLife(of: configuration.instanceKey) }
        // What etcd refuses ends a master that has never led; one that has is waited for by its owners.
        var hasLed = false
        while true {
            ServiceNotifier.status("waiting for the leadership")
            let (losses, loss) = AsyncStream.makeStream(of: Void.self)
            let mayEnd = !hasLed
            let (leadership, table) = try await lease.win(
                cluster: configuration.clusterName, instance: configuration.instanceKey, line: line, endsAt: { _ in mayEnd },
                onLost: { loss.yield() })
            hasLed = true
            logger.info("leads", metadata: ["fluxon.term": "\(leadership.term)"])
            await lead(leadership, table, lease, routing, losses: losses)
            await routing.standDown("this master's term \(leadership.term) is over; find the new leader in etcd")
            // Also when deposed: a lease that is kept alive would keep a key of this master in the way of every campaign.
            await lease.resign(leadership)
            if Task.isCancelled { throw CancellationError() }
            logger.warning("deposed", metadata: ["fluxon.term": "\(leadership.term)"])
        }
    }

    /// Returns when the term is over, for whatever reason.
    private func lead(
        _ leadership: Leadership, _ table: RoutingTable, _ lease: LeaseActor, _ routing: RoutingActor, losses: AsyncStream<Void>
    ) async {
        let roster = RosterQueue()
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await routing.lead(
            table, writeRoster: { roster.add(RosterWrite($0, done: $1)) }, onDeposed: { end.yield() }, onPresence: { change.yield() })
        ServiceNotifier.ready()
        ServiceNotifier.status("leads in term \(leadership.term)")
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await lease.renew(leadership, routing: routing) }
            group.addTask { await lease.followStandbys(routing) }
            group.addTask { await roster.drain(upTo: Limits.rosterBatch) { await lease.write($0, leadership) } }
            group.addTask {
                var unwritten: [InstanceKey: MembersAnswer.Member?] = [:]
                for await _ in changes {
                    unwritten.merge(await routing.takePresence()) { $1 }
                    await lease.writePresence(&unwritten, leadership)
                }
            }
            group.addTask { for await _ in losses { return } }
            group.addTask { for await _ in ends { return } }
            await group.next()
            group.cancelAll()
        }
    }
}
