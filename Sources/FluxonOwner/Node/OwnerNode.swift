package import FluxonCore
internal import FluxonEtcd
package import FluxonSystem
package import FluxonTransfer
package import Logging
internal import ServiceLifecycle

/// An owner process: finds the leading master through etcd, serves until it is told to stop or cannot go on.
package final class OwnerNode: Service {
    private let configuration: OwnerConfiguration
    private let makeDevices: DevicesMaker
    private let logger: Logger

    /// Finds the RDMA devices that an owner may use, on its loop; nil: it has none. Throws what the owner cannot start with.
    package typealias DevicesMaker = @Sendable (EventLoop, NetworkConfiguration) throws -> (any NetworkDevices)?

    package init(
        _ configuration: OwnerConfiguration, makeDevices: @escaping DevicesMaker = { _, _ in nil }, logger: Logger
    ) {
        self.configuration = configuration
        self.makeDevices = makeDevices
        self.logger = logger
    }

    package func run() async throws {
        let loop = try EventLoop.started(name: "owner")
        defer { loop.stop() }
        try await withTaskExecutorPreference(loop.taskExecutor) {
            try await self.serve(on: loop)
        }
    }

    private func serve(on loop: EventLoop) async throws {
        let etcd = EtcdClient(
            loop: loop, options: try EtcdClientOptions(endpoints: configuration.etcdEndpoints, access: configuration.etcd))
        let pool = PoolActor(loop: loop, configuration: configuration, makeDevices: makeDevices, logger: logger)
        let (failures, failure) = AsyncStream.makeStream(of: FluxonError.self)
        ServiceNotifier.status("preparing the pool")
        try await pool.start(onReady: { ServiceNotifier.ready() }, onFatal: { failure.yield($0) })
        ServiceNotifier.status("looking for the master")
        let result: Result<Void, any Error>
        do {
            result = .success(try await followLeader(etcd, pool, failures: failures))
        } catch {
            result = .failure(error)
        }
        ServiceNotifier.stopping()
        await pool.stop()
        await etcd.close()
        try result.get()
    }

    /// Until graceful shutdown (then it returns) or what this owner cannot go on with (then it throws).
    private func followLeader(_ etcd: EtcdClient, _ pool: PoolActor, failures: AsyncStream<FluxonError>) async throws {
        let leaderKey = MetadataKeyspace(clusterName: configuration.clusterName).leader
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await etcd.mirror(.key(leaderKey), patience: Self.patience("the master's key cannot be followed", pool)) { event in
                    guard let leader = Self.leader(after: event) else { return }
                    pool.assumeIsolated { $0.leaderChanged(to: leader.address) }
                }
            }
            group.addTask { try await self.followSettings(etcd, pool) }
            group.addTask {
                for await failure in failures { throw failure }
            }
            group.addTask { try await self.tellOfSearch(LeaderSearch(etcd: etcd, clusterName: self.configuration.clusterName), pool) }
            group.addTask { try await gracefulShutdown() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// A refusal in etcd's own words ends an owner that nobody has taken yet, and no other one: its values would be gone.
    private static func patience(_ what: String, _ pool: PoolActor) -> EtcdPatience {
        EtcdPatience(
            endsAt: { _ in !pool.assumeIsolated { $0.mayHoldValues } },
            onTrouble: { error in pool.assumeIsolated { $0.etcdFailed(what, "\(error)") } },
            onServed: { pool.assumeIsolated { $0.etcdServes(what) } })
    }

    /// Puts in force what etcd holds about this owner's devices, now and after each change.
    private func followSettings(_ etcd: EtcdClient, _ pool: PoolActor) async throws {
        let key = MetadataKeyspace(clusterName: configuration.clusterName).networkSettings(of: configuration.instanceKey)
        try await etcd.mirror(.key(key), patience: Self.patience("settings cannot be followed", pool)) { event in
            guard let recorded = Self.recorded(in: event) else { return }
            pool.assumeIsolated { $0.networkRecorded(recorded.text, revision: UInt64(clamping: recorded.revision)) }
        }
    }

    /// Nil: the event says nothing about the settings.
    private static func recorded(in event: EtcdMirrorEvent) -> (text: String?, revision: Int64)? {
        switch event {
        case .snapshot(let keyValues, let revision):
            guard let present = keyValues.first else { return (nil, revision) }
            return (present.valueText, present.modRevision)
        case .changes(let events, _):
            return events.last.map { ($0.kind == .delete ? nil : $0.keyValue.valueText, $0.keyValue.modRevision) }
        }
    }

    /// Says what this owner waits for, whenever it has no leader. Never returns by itself.
    private func tellOfSearch(_ search: LeaderSearch, _ pool: PoolActor) async throws {
        var told: (finding: LeaderSearch.Finding, at: BootInstant)?
        while true {
            try await pool.loop.sleep(for: LeaderSearch.patience)
            let isUnanswered = await pool.isUnanswered
            guard await !pool.hasLeader || isUnanswered else {
                told = nil
                await pool.waits(for: nil)
                continue
            }
            let finding = isUnanswered ? .unanswered : await search.look()
            await pool.waits(for: finding.advice(clusterName: search.clusterName))
            if let told, told.finding == finding, pool.loop.now.since(told.at) < LeaderSearch.pause { continue }
            told = (finding, pool.loop.now)
            guard let advice = finding.advice(clusterName: search.clusterName) else { continue }
            ServiceNotifier.status("waits: \(advice.problem)")
            logger.warning("no master yet; trying on", metadata: ["fluxon.error": "\(advice.problem)", "fluxon.fix": "\(advice.remedy)"])
        }
    }

    /// Nil: the event says nothing about the leader.
    private static func leader(after event: EtcdMirrorEvent) -> (address: SocketAddress?, Void)? {
        switch event {
        case .snapshot(let keyValues, _): (keyValues.first.flatMap { address(in: $0.value) }, ())
        case .changes(let events, _):
            events.last.map { ($0.kind == .delete ? nil : address(in: $0.keyValue.value), ()) }
        }
    }

    private static func address(in value: [UInt8]) -> SocketAddress? {
        guard let line = String(validating: value, as: UTF8.self).flatMap(AttributeLine.init(parsing:)), let text = line["address"] else {
            return nil
        }
        return try? SocketAddress(parsing: text)
    }
}
