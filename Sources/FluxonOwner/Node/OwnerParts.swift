internal import FluxonCore
internal import FluxonPool
internal import FluxonRPC
internal import FluxonSystem
internal import FluxonTLS
internal import FluxonTransfer
internal import Glibc
internal import Logging

/// What an owner consists of, wired. Made, used and stopped on its loop by `PoolActor`.
final class OwnerParts {
    private let loop: EventLoop
    private let configuration: OwnerConfiguration
    private let logger: Logger
    private let attestation: FencingAttestation
    private let epoch: UInt64
    private let transfer: TransferActor
    private let driver: ReplicaDriver
    private let peerServer: RPCServer
    private let localServer: RPCServer
    let link: MasterLink
    private let peers: OwnerPeers
    private let fetcher: ReplicaFetcher
    private let relay: RelayService
    private let network: NetworkService
    private var service: OwnerService?
    private var local: LocalService?

    init(
        loop: EventLoop, configuration: OwnerConfiguration, devices: (any NetworkDevices)?, logger: Logger,
        onReady: @escaping @Sendable () -> Void,
        onFatal: @escaping @Sendable (FluxonError) -> Void
    ) throws {
        self.loop = loop
        self.configuration = configuration
        self.logger = logger
        let life = UInt64.random(in: 1...UInt64.max)
        try File.makeDirectories(configuration.sharedFilePath)
        let attestation = FencingAttestation(folder: configuration.sharedMemoryPath, instance: configuration.instanceKey)
        self.attestation = attestation
        let opened = try Self.nearDevices(configuration.network, logger) {
            try PoolFile.open(
                folder: configuration.sharedMemoryPath, capacityBytes: configuration.poolBytes, hashSeed: UInt64.random(in: 0...UInt64.max),
                willReplace: attestation.takeOut)
        }
        epoch = opened.epoch
        let pool = try Pool(opened.storage, epoch: opened.epoch)

        let identity = Asker(instance: configuration.instanceKey, generation: Generation(life))
        let tls = try RoleTLS(configuration.tls)
        transfer = TransferActor(
            loop: loop, cluster: configuration.clusterName, owner: identity, limits: Self.limits(configuration.network), tls: tls)
        let bulk = configuration.network.bulkListen
        let bulkAddress = try transfer.assumeIsolated { try $0.listen(on: .tcp(host: bulk.host, port: bulk.port)) }
        peerServer = RPCServer(loop: loop)
        let address = try peerServer.listen(.tcp(host: configuration.listen.host, port: configuration.listen.port), tls: tls?.server)
        localServer = RPCServer(loop: loop)

        var rules = ReplicaConfiguration(
            cluster: configuration.clusterName, instance: configuration.instanceKey, life: life,
            fenced: opened.attested ? attestation.previous ?? Generation(0) : Generation(0), timing: ProtocolTiming())
        rules.isRelay = configuration.network.relayBytes > 0
        rules.subCluster = configuration.subCluster ?? ""
        driver = ReplicaDriver(loop: loop, pool: pool, configuration: rules, logger: logger)
        let member = Self.member(configuration, identity, address: address, bulkAddress: bulkAddress)
        let link = MasterLink(
            loop: loop, cluster: configuration.clusterName, member: member, tls: tls?.client, driver: driver, logger: logger)
        self.link = link
        network = NetworkService(loop: loop, instance: configuration.instanceKey, transfer: transfer, link: link, tls: tls?.client)
        try Self.openDevices(devices, transfer, pool, configuration.network, logger)
        peers = OwnerPeers(
            loop: loop, transfer: transfer, identity: identity, tls: tls?.client, logger: logger,
            directory: { [weak link] in link?.owners ?? [:] })
        fetcher = ReplicaFetcher(loop: loop, transfer: transfer, peers: peers, driver: driver, logger: logger)
        relay = RelayService(
            loop: loop, driver: driver, peers: peers, transfer: transfer, limitBytes: configuration.network.relayBytes)
        logger.info(
            "owner listens",
            metadata: [
                "fluxon.address": "\(address)", "fluxon.bulk": "\(bulkAddress)", "fluxon.pool": "\(configuration.poolBytes)",
                "fluxon.attested": "\(opened.attested)",
            ])
        wire(onReady: onReady, onFatal: onFatal)
    }

    /// Runs this thread and takes the pages that `body` touches near the RDMA devices, where the machine has a near and a far.
    private static func nearDevices<R>(_ network: NetworkConfiguration, _ logger: Logger, _ body: () throws -> R) throws -> R {
        guard network.rdma == .auto || network.numaNode != nil,
            let node = DevicePlacement.node(for: network.rdmaDeviceNames, configured: network.numaNode)
        else { return try body() }
        guard node.number < NUMANode.count else {
            throw FluxonError(
                .invalidConfiguration,
                "network.numa_node: this machine has no node \(node.number); its nodes are 0 to \(NUMANode.count - 1) (`lscpu` shows them)")
        }
        do throws(SystemError) { try node.runCurrentThread() } catch {
            // A container may be kept from those processors; its pages can be near all the same.
            logger.warning("the owner's thread stays where it is", metadata: ["fluxon.error": "\(error)"])
        }
        logger.info("near the RDMA devices", metadata: ["fluxon.numa_node": "\(node.number)"])
        return try node.lendingMemory(body)
    }

    private static func limits(_ network: NetworkConfiguration) -> TransferLimits {
        var limits = TransferLimits()
        if network.pollMode == .busy { limits.busyPoll = TransferLimits.busyPollTime }
        return limits
    }

    /// - Parameter devices: A test's; nil: those of this machine.
    private static func openDevices(
        _ devices: (any NetworkDevices)?, _ transfer: TransferActor, _ pool: Pool, _ network: NetworkConfiguration, _ logger: Logger
    ) throws {
        if let devices {
            let carried = OnLoop(devices)
            return transfer.assumeIsolated { $0.use(carried.value) }
        }
        guard network.rdma == .auto else { return }
        let memory = TransferActor.RDMAMemory([pool.dataBytes])
        let found = try transfer.assumeIsolated { transfer in
            try transfer.openRDMA(memory, choose: network.devices) { event in
                logger.log(level: event.isProblem ? .warning : .info, "rdma", metadata: ["fluxon.event": "\(event)"])
            }
        }
        if !found { logger.info("this machine has no RDMA device; bulk data goes over TCP") }
    }

    private static func member(
        _ configuration: OwnerConfiguration, _ identity: Asker, address: SocketAddress, bulkAddress: SocketAddress
    ) -> MemberDescription {
        var member = MemberDescription(role: .owner, instanceKey: identity.instance)
        member.incarnation = identity.incarnation
        member.address = advertised(address, configuration)
        member.bulkAddress = advertised(bulkAddress, configuration)
        member.socket = configuration.socketPath
        member.host = HostName.current
        member.processID = UInt64(getpid())
        member.poolBytes = UInt64(configuration.poolBytes)
        member.subCluster = configuration.subCluster ?? ""
        return member
    }

    private static func advertised(_ bound: SocketAddress, _ configuration: OwnerConfiguration) -> String {
        guard case .tcp(let host, let port) = bound else { return "\(bound)" }
        return configuration.network.advertised(host: host, port: port)
    }

    private func wire(onReady: @escaping @Sendable () -> Void, onFatal: @escaping @Sendable (FluxonError) -> Void) {
        let link = link
        let fetcher = fetcher
        driver.send = { [weak link] in link?.send($0) }
        driver.reconnect = { [weak link] in link?.reconnect() }
        driver.refused = { [weak link] in link?.refused($0) }
        driver.startFetch = { [weak fetcher] in fetcher?.start($0) }
        driver.onWelcome = { [weak self] generation in
            guard let self else { return }
            do { try welcomed(generation, onReady: onReady) } catch let error as FluxonError { onFatal(error) } catch {
                onFatal(FluxonError(.system, "the owner cannot open its socket: \(error)"))
            }
        }
        link.onFatal = onFatal
        peers.onChange = { [weak driver] in driver?.reachabilityChanged(unreachable: $0) }
        link.onDirectory = { [weak peers] in peers?.directoryChanged() }
        link.onPeerEnded = { [transfer] asker in transfer.assumeIsolated { $0.sessionEnded(of: asker) } }
        let service = OwnerService(driver: driver, link: link, transfer: transfer, relay: relay) { [weak self] in
            self.map { [$0.status, $0.networkStatus] } ?? []
        }
        service.registerControl(on: peerServer)
        service.registerPeers(on: peerServer)
        service.registerControl(on: localServer)
        service.registerExternals(on: localServer)
        network.registerQuestions(on: peerServer)
        network.registerQuestions(on: localServer)
        network.registerChanges(on: localServer)
        self.service = service
    }

    /// A master counts this process as an owner: now processes may attach.
    private func welcomed(_ generation: Generation, onReady: @Sendable () -> Void) throws {
        try attestation.record(generation)
        guard local == nil else { return }
        let identity = LocalIdentity(clusterName: configuration.clusterName, owner: configuration.instanceKey, generation: generation)
        let local = LocalService(loop: loop, server: localServer, pool: driver.pool, backend: driver, identity: identity)
        local.onSpaceReturned = { [weak fetcher] in fetcher?.retryWaiting() }
        fetcher.recallIdlePages = { [weak local] byteCount in local?.recall(byteCount) }
        try local.listen(path: configuration.socketPath)
        self.local = local
        let shared = SharedDescription(
            clusterName: configuration.clusterName, subCluster: configuration.subCluster, owner: configuration.instanceKey, epoch: epoch,
            pool: configuration.poolPath, indexSlots: UInt64(driver.pool.indexSlots), socket: configuration.socketPath,
            etcdEndpoints: configuration.etcdEndpoints.map(\.description))
        try File.replace(configuration.sharedDescriptionPath, with: shared.encoded())
        onReady()
    }

    func stop() {
        local?.close()
        try? File.remove(configuration.sharedDescriptionPath)
        network.close()
        link.close()
        fetcher.close()
        relay.close()
        peers.close()
        peerServer.close()
        localServer.close()
        transfer.assumeIsolated { $0.close() }
        driver.pool.fence()
        if !driver.pool.releaseData() {
            logger.notice("processes are still attached: the pool keeps its memory until they end or this owner starts again")
        }
    }

    // MARK: Network

    /// What etcd holds about this owner's devices, as of one of its revisions; nil: nothing.
    func networkRecorded(_ text: String?, revision: UInt64) {
        let settings = text.map { NetworkSettings(parsing: $0) } ?? .everyDevice
        transfer.assumeIsolated { transfer in
            if let settings {
                transfer.apply(settings, revision: revision)
            } else {
                transfer.keepSettings(because: "what etcd holds is no line of settings; `fluxon network enable --all` writes a new one")
            }
        }
        let level: Logger.Level = settings == nil ? .error : .info
        logger.log(level: level, "network settings", metadata: ["fluxon.settings": "\(settings?.explanation ?? text ?? "")"])
        network.settingsChanged()
    }

    private var networkStatus: StatusAnswer.Section {
        let answer = transfer.assumeIsolated { $0.networkAnswer() }
        return StatusAnswer.Section(network: answer, of: configuration.instanceKey)
    }

    // MARK: Status

    private var status: StatusAnswer.Section {
        let statistics = driver.pool.statistics
        let counters = driver.counters
        let isValid = driver.isValid
        let space = local?.spaceReport
        return StatusAnswer.Section(
            title: "owner \(configuration.instanceKey)",
            figures: [
                .init("cluster", configuration.clusterName), .init("state", isValid ? "valid" : "not valid"),
                .init("term", "\(driver.table.term)"), .init("generation", "\(driver.table.generation)"),
                .init("leader", link.leaderName), .init("linked", "\(link.isLinked)"),
                .init("pool_bytes", "\(statistics.capacityBytes)"), .init("live_bytes", "\(statistics.liveBytes)"),
                .init("unassigned_bytes", "\(statistics.unassignedBytes)"), .init("own_bytes", "\(statistics.usage.ownBytes)"),
                .init("replica_bytes", "\(statistics.usage.replicaBytes)"), .init("retired_bytes", "\(statistics.usage.retiredBytes)"),
                .init("unwritten_bytes", "\(space?.unwrittenBytes ?? 0)"), .init("other_bytes", "\(space?.otherBytes ?? 0)"),
                .init("process_spans", space?.spans ?? "none"), .init("keys", "\(statistics.publishedEntries)"),
                .init("retired", "\(statistics.retiredEntries)"), .init("processes", "\(statistics.attachedProcesses)"),
                .init("tickets", "\(transfer.assumeIsolated { $0.ticketCount })"),
                .init("commits", "\(counters.commits)"), .init("misses", "\(counters.reads)"), .init("fetches", "\(counters.fetches)"),
                .init("fetches_failed", "\(counters.fetchesFailed)"), .init("evictions", "\(counters.evictions)"),
            ] + relayFigures)
    }

    private var relayFigures: [StatusAnswer.Figure] {
        [
            .init("unreachable", peers.unreachableNames.isEmpty ? "none" : peers.unreachableNames.joined(separator: ", ")),
            .init("relayed_fetches", "\(fetcher.relayed.fetches)"), .init("relayed_fetch_bytes", "\(fetcher.relayed.bytes)"),
            .init("relayed_pieces", "\(relay.counters.pieces)"), .init("relayed_bytes", "\(relay.counters.bytes)"),
            .init("relay_waiting", "\(relay.waitingCount)"), .init("relay_held_bytes", "\(relay.heldBytes)"),
        ]
    }
}
