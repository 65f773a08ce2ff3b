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
    let configuration: OwnerConfiguration
    let logger: Logger
    private let attestation: FencingAttestation
    private let epoch: UInt64
    let transfer: TransferActor
    let driver: ReplicaDriver
    private let peerServer: RPCServer
    private let localServer: RPCServer
    let link: MasterLink
    let peers: OwnerPeers
    let fetcher: ReplicaFetcher
    let relay: RelayService
    private let network: NetworkService
    private var service: OwnerService?
    let local: LocalService
    /// Processes may attach: a master has taken this owner once.
    var isServing: Bool { local.identity.generation != Generation(0) }
    /// What stands in the way of a master while none has taken this owner.
    var waiting: (problem: String, remedy: String)?

    init(
        loop: EventLoop, configuration: OwnerConfiguration, devices: (any NetworkDevices)?, logger: Logger,
        onReady: @escaping @Sendable () -> Void,
        onFatal: @escaping @Sendable (FluxonError) -> Void
    ) throws {
        self.loop = loop
        self.configuration = configuration
        self.logger = logger
        let life = UInt64.random(in: 1...UInt64.max)
        // First of all: whoever has this name is the owner of this folder, and nobody else changes anything there.
        let socket = try Self.claim(configuration)
        let tls = try RoleTLS(configuration.tls) { [logger] event in
            logger.log(level: event.isProblem ? .error : .notice, "certificates", metadata: ["fluxon.tls": "\(event)"])
        }
        if let problem = tls?.ownProblem { logger.error("certificates", metadata: ["fluxon.tls": "\(problem)"]) }
        let attestation = FencingAttestation(folder: configuration.sharedMemoryPath, instance: configuration.instanceKey)
        self.attestation = attestation
        let opened = try Self.nearDevices(configuration.network, logger) {
            try PoolFile.open(
                folder: configuration.sharedMemoryPath, capacityBytes: configuration.poolBytes, hashSeed: UInt64.random(in: 0...UInt64.max),
                willReplace: attestation.takeOut)
        }
        epoch = opened.epoch
        if (try? File.isInMemory(folder: configuration.sharedMemoryPath)) == false {
            logger.warning(
                "the pool lies on a disk, which every value is written to",
                metadata: ["fluxon.fix": "name a folder on a tmpfs in shared_memory_path, below /dev/shm for instance"])
        }
        let pool = try Pool(opened.storage, epoch: opened.epoch)

        let identity = Asker(instance: configuration.instanceKey, generation: Generation(life))
        transfer = TransferActor(
            loop: loop, cluster: configuration.clusterName, owner: identity, limits: Self.limits(configuration.network), tls: tls)
        let bulk = configuration.network.bulkListen
        let bulkAddress = try transfer.assumeIsolated { try $0.listen(on: .tcp(host: bulk.host, port: bulk.port)) }
        peerServer = RPCServer(loop: loop, logger: logger)
        _ = RPCHealth(on: peerServer)
        let address = try peerServer.listen(.tcp(host: configuration.listen.host, port: configuration.listen.port), tls: tls?.server)
        localServer = RPCServer(loop: loop, logger: logger)
        _ = RPCHealth(on: localServer)

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
        let name = LocalIdentity(clusterName: configuration.clusterName, owner: configuration.instanceKey, generation: Generation(0))
        local = LocalService(loop: loop, server: localServer, pool: pool, backend: driver, identity: name)
        logger.info(
            "owner listens",
            metadata: [
                "fluxon.address": "\(address)", "fluxon.bulk": "\(bulkAddress)", "fluxon.pool": "\(configuration.poolBytes)",
                "fluxon.attested": "\(opened.attested)",
            ])
        wire(onReady: onReady, onFatal: onFatal)
        try serve(socket)
    }

    /// Makes the folder's socket this owner's.
    private static func claim(_ configuration: OwnerConfiguration) throws -> SocketName {
        try File.makeDirectories(configuration.sharedFilePath)
        do throws(SystemError) { return try SocketName(claiming: configuration.socketPath) } catch {
            guard error.isInUse else { throw error }
            throw FluxonError(
                .alreadyInUse,
                "shared_file_path \(configuration.sharedFilePath) belongs to a running owner: one owner each; stop that one, or configure "
                    + "another folder")
        }
    }

    /// Opens the socket and says where it is. Processes are attached once a master has taken this owner, and told why not until then.
    private func serve(_ socket: consuming SocketName) throws {
        local.obstacle = { [weak self] in self?.obstacle }
        local.onSpaceReturned = { [weak fetcher] in fetcher?.retryWaiting() }
        local.onRefused = { [logger] process, why in
            logger.error(
                "a process sends what this owner does not understand; is it of another version?",
                metadata: ["fluxon.process": "\(process.name)", "fluxon.pid": "\(process.processID)", "fluxon.error": "\(why)"])
        }
        fetcher.recallIdlePages = { [weak local] byteCount in local?.recall(byteCount) }
        try local.listen(socket)
        let shared = SharedDescription(
            clusterName: configuration.clusterName, subCluster: configuration.subCluster, owner: configuration.instanceKey, epoch: epoch,
            pool: configuration.poolPath, indexSlots: UInt64(driver.pool.indexSlots), socket: configuration.socketPath,
            etcdEndpoints: configuration.etcdEndpoints.map(\.description))
        try File.replace(configuration.sharedDescriptionPath, with: shared.encoded())
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
            do throws(SystemError) { try attestation.record(generation) } catch {
                return onFatal(FluxonError(.system, "record this owner's generation beside its pool", cause: error))
            }
            guard local.identity.generation == Generation(0) else { return }
            local.joined(as: generation)
            onReady()
        }
        driver.onValidity = { [weak self] in self?.tell($0) }
        driver.whyNotCurrent = { [weak self] in self?.whyNotCurrent ?? "it is stopping" }
        driver.describeOwner = { [weak peers] in peers?.describe($0) ?? "owner \($0.number)" }
        link.onFatal = onFatal
        peers.onChange = { [weak driver] in driver?.reachabilityChanged(unreachable: $0) }
        link.onDirectory = { [weak peers] in peers?.directoryChanged() }
        link.onPeerEnded = { [transfer] asker in transfer.assumeIsolated { $0.sessionEnded(of: asker) } }
        let service = OwnerService(driver: driver, link: link, transfer: transfer, relay: relay) { [weak self] in
            self.map { [$0.status, $0.processStatus, $0.networkStatus] } ?? []
        }
        service.registerControl(on: peerServer)
        service.registerPeers(on: peerServer)
        service.registerControl(on: localServer)
        service.registerExternals(on: localServer)
        service.registerRecovery(on: localServer)
        network.registerQuestions(on: peerServer)
        network.registerQuestions(on: localServer)
        network.registerChanges(on: localServer)
        self.service = service
    }

    func stop() {
        // Before the name that makes it this owner's own.
        try? File.remove(configuration.sharedDescriptionPath)
        local.close()
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
}
