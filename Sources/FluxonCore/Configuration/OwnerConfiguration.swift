/// What an owner is told at its start.
package struct OwnerConfiguration: Sendable, Hashable {
    /// `cluster_name`: must match the master's.
    package var clusterName: String
    /// `instance_key`: unique name of this process in its cluster.
    package var instanceKey: InstanceKey
    /// `sub_cluster`: a group of owners inside the cluster, for placement. Default: none.
    package var subCluster: String?
    package var etcdEndpoints: [NetworkEndpoint]
    /// `shared_memory_path`: the folder of the pool, on a tmpfs such as /dev/shm; one owner each.
    package var sharedMemoryPath: String
    /// `shared_file_path`: the folder of shared.json, the socket, logs and profiles; one owner each.
    package var sharedFilePath: String
    /// `contribute_to_cluster_pool_size` in bytes, at least `minimumPoolBytes`.
    package var poolBytes: Int
    /// `listen`: where other owners ask for tickets, and tools for members and status. Default: the host of `network.bulk_listen`, any
    /// port: the master tells everybody which.
    package var listen: NetworkEndpoint
    package var network: NetworkConfiguration
    package var tls: TLSConfiguration?
    package var etcd: EtcdAccessConfiguration?
    package var logLevel: LogVerbosity

    /// Less than this holds no useful value beside its own tables.
    package static let minimumPoolBytes = 1 << 20

    /// Where the pool lies: `{shared_memory_path}/pool`.
    package var poolPath: String { sharedMemoryPath + "/pool" }
    /// Where processes attach: `{shared_file_path}/owner.sock`.
    package var socketPath: String { sharedFilePath + "/owner.sock" }
    /// What externals learn everything from: `{shared_file_path}/shared.json`.
    package var sharedDescriptionPath: String { sharedFilePath + "/" + SharedDescription.fileName }

    /// - Parameter file: Its name for messages; nothing is opened.
    /// - Throws: Every problem at once.
    package init(yaml text: String, file: String) throws(ConfigurationError) {
        let problems = ConfigurationProblems()
        guard var top = ConfigurationSection(yaml: text, problems: problems) else {
            throw ConfigurationError(file: file, problems: problems.list)
        }
        let clusterName = top.requireName("cluster_name", example: "demo")
        let instanceKey = top.requireName("instance_key", example: "owner-1")
        subCluster = top.readName("sub_cluster", example: "rack-7")
        let endpoints = top.readEndpoints("etcd_endpoints")
        if !top.has("etcd_endpoints") {
            top.missing("etcd_endpoints", rule: ConfigurationRules.endpoint, example: "[http://127.0.0.1:2379]")
        }
        let memoryPath = top.requirePath("shared_memory_path", example: "/dev/shm/fluxon")
        let filePath = top.requirePath("shared_file_path", example: "/run/fluxon/owner")
        let poolBytes = Self.readPoolBytes(&top)
        let listen = top.readListen("listen", example: "10.0.0.2:7400")
        network = NetworkConfiguration(from: &top, serves: .bulk(listen))
        self.listen = listen ?? NetworkEndpoint(host: network.bulkListen.host, port: 0)
        tls = TLSConfiguration(from: &top)
        etcd = EtcdAccessConfiguration(from: &top)
        logLevel = top.readLogLevel()
        if let filePath { top.checkSocketPath(filePath + "/owner.sock", from: "shared_file_path") }
        top.finish(elsewhere: [
            "monitoring": "belongs to the master, which tells every member; remove it here",
            "log_dir": "belongs to the master; an owner writes its log under shared_file_path; remove the line",
            "embedded_metadata": "belongs to the master; name its address in etcd_endpoints here",
        ])
        guard problems.list.isEmpty, let clusterName, let instanceKey, let endpoints, let memoryPath, let filePath, let poolBytes else {
            throw ConfigurationError(file: file, problems: problems.list)
        }
        self.clusterName = clusterName
        self.instanceKey = InstanceKey(instanceKey)
        etcdEndpoints = endpoints
        sharedMemoryPath = memoryPath
        sharedFilePath = filePath
        self.poolBytes = poolBytes
    }

    /// A scalar, or a section with one size for each kind of memory; `dram` is the only kind so far.
    private static func readPoolBytes(_ top: inout ConfigurationSection) -> Int? {
        let key = "contribute_to_cluster_pool_size"
        let rule = ConfigurationRules.size + ", at least \(ByteSize.describe(minimumPoolBytes))"
        let convert: (String) -> Int? = { ByteSize.parse($0).flatMap { $0 >= minimumPoolBytes ? $0 : nil } }
        guard top.isSection(key), var section = top.section(key) else {
            return top.require(key, rule: rule, example: "4GiB", convert: convert)
        }
        let bytes = section.require("dram", rule: rule, example: "4GiB", convert: convert)
        section.finish()
        return bytes
    }
}
