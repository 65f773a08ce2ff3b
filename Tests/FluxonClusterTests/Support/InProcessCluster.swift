import Fluxon
import FluxonCore
import FluxonEtcdEmbedded
import FluxonMaster
import FluxonOwner
import FluxonSystem
import FluxonTransfer
import Foundation
import Logging
import Testing

/// Two masters and two owners in this process, on metadata that outlive them all: for what must be put into a role that no file can say.
final class InProcessCluster: @unchecked Sendable {
    // SAFETY: one test drives one cluster, from one task at a time.
    let folder: String
    private let poolFolder: String
    private let metadata: (server: EmbeddedEtcd, address: SocketAddress)
    private let logger: Logger
    private var masters: [Int: Task<Void, any Error>] = [:]
    private var owners: [Int: Task<Void, any Error>] = [:]
    private let streams: [AsyncStream<NetworkSettings>]
    private let continuations: [AsyncStream<NetworkSettings>.Continuation]

    /// A cluster whose first master and whose owners serve; all is stopped and gone at the end of `body`.
    static func with(owners: Int, _ body: (InProcessCluster) async throws -> Void) async throws {
        let cluster = try await start()
        do {
            try cluster.startMaster(0)
            for owner in 0..<owners { try await cluster.startOwner(owner) }
            try await body(cluster)
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    private static func start() async throws -> InProcessCluster {
        let name = "fxn-\(UInt32.random(in: 0 ... .max))"
        try File.makeDirectories("/tmp/\(name)")
        let metadata = try await EmbeddedEtcd.start(path: "/tmp/\(name)/metadata.sqlite", listen: .tcp(host: "127.0.0.1", port: 0))
        return InProcessCluster(name: name, metadata: metadata, endpoint: try #require(NetworkEndpoint("\(metadata.address)")))
    }

    private init(name: String, metadata: (EmbeddedEtcd, SocketAddress), endpoint: NetworkEndpoint) {
        folder = "/tmp/\(name)"
        poolFolder = "/dev/shm/\(name)"
        self.metadata = metadata
        self.endpoint = endpoint
        var logger = Logger(label: "fluxon.test") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        self.logger = logger
        let pairs = (0..<2).map { _ in AsyncStream.makeStream(of: NetworkSettings.self) }
        streams = pairs.map(\.stream)
        continuations = pairs.map(\.continuation)
    }

    /// Of the metadata, as etcd would be reached.
    let endpoint: NetworkEndpoint

    func ownerSocket(_ index: Int) -> String { "\(folder)/run-\(index + 1)/owner.sock" }

    /// What the owner's devices are told from now on.
    func settings(_ index: Int) -> AsyncStream<NetworkSettings> { streams[index] }

    func startMaster(_ index: Int) throws {
        let text = """
            cluster_name: test
            instance_key: master-\(index + 1)
            etcd_endpoints: ["\(metadata.address)"]
            listen: 127.0.0.1:0
            """
        let node = MasterNode(try MasterConfiguration(yaml: text, file: "master"), logger: logger)
        masters[index] = Task { try await node.run() }
    }

    /// Returns when processes may attach to it.
    func startOwner(_ index: Int) async throws {
        let text = """
            cluster_name: test
            instance_key: owner-\(index + 1)
            etcd_endpoints: ["\(metadata.address)"]
            shared_memory_path: \(poolFolder)/\(index + 1)
            shared_file_path: \(folder)/run-\(index + 1)
            contribute_to_cluster_pool_size: 16MiB
            """
        let told = continuations[index]
        let node = OwnerNode(
            try OwnerConfiguration(yaml: text, file: "owner"), makeDevices: { _, _ in NetworkDevicesDouble(told: told) }, logger: logger)
        let task = Task { try await node.run() }
        owners[index] = task
        // It says why not until a master has taken it; one that cannot start ends its task instead.
        while (try? await Store.connect(to: ownerSocket(index))) == nil { try await Task.sleep(for: .milliseconds(5)) }
    }

    func stopMaster(_ index: Int) async { await Self.stop(masters.removeValue(forKey: index)) }
    func stopOwner(_ index: Int) async { await Self.stop(owners.removeValue(forKey: index)) }

    private func stop() async {
        for index in owners.keys.sorted() { await stopOwner(index) }
        for index in masters.keys.sorted() { await stopMaster(index) }
        await metadata.server.stop()
        for path in [folder, poolFolder] { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func stop(_ task: Task<Void, any Error>?) async {
        task?.cancel()
        _ = await task?.result
    }
}
