/// What an external, the sidecar of one business process, is told at its start. All else it learns from shared.json.
package struct ExternalConfiguration: Sendable, Hashable {
    /// `cluster_name`: must match that of the owner on this machine.
    package var clusterName: String
    /// `instance_key`: the name that the business process has in the cluster.
    package var instanceKey: InstanceKey
    /// `sub_cluster`: must match that of the owner on this machine when given. Default: the owner's.
    package var subCluster: String?
    /// `shared_memory_path`: the owner's.
    package var sharedMemoryPath: String
    /// `shared_file_path`: the owner's; shared.json is read there and the sidecar's socket lies there.
    package var sharedFilePath: String
    package var logLevel: LogVerbosity

    /// Where the business process connects: `{shared_file_path}/{instance_key}.sock`.
    package var socketPath: String { "\(sharedFilePath)/\(instanceKey).sock" }
    package var sharedDescriptionPath: String { sharedFilePath + "/" + SharedDescription.fileName }

    /// - Parameter file: Its name for messages; nothing is opened.
    /// - Throws: Every problem at once.
    package init(yaml text: String, file: String) throws(ConfigurationError) {
        let problems = ConfigurationProblems()
        guard var top = ConfigurationSection(yaml: text, problems: problems) else {
            throw ConfigurationError(file: file, problems: problems.list)
        }
        let clusterName = top.requireName("cluster_name", example: "demo")
        let instanceKey = top.requireName("instance_key", example: "worker-1")
        subCluster = top.readName("sub_cluster", example: "rack-7")
        let memoryPath = top.requirePath("shared_memory_path", example: "/dev/shm/fluxon")
        let filePath = top.requirePath("shared_file_path", example: "/run/fluxon/owner")
        logLevel = top.readLogLevel()
        let poolRule = "must be 0 or absent: an external contributes no memory"
        _ = top.read("contribute_to_cluster_pool_size", rule: poolRule, example: "0") { ByteSize.parse($0) == 0 ? 0 : nil }
        if let filePath, let instanceKey { top.checkSocketPath("\(filePath)/\(instanceKey).sock", from: "shared_file_path") }
        if instanceKey == "owner" {
            top.report("instance_key", rule: "must not be owner, whose socket lies in the same folder", example: "worker-1")
        }
        top.finish(elsewhere: [
            "etcd_endpoints": "belongs to masters and owners; an external learns it from shared.json; remove the line",
            "listen": "is not served by an external: processes attach at {shared_file_path}/{instance_key}.sock; remove the line",
            "tls": "belongs to masters and owners: an external speaks over sockets of this machine alone; remove the section",
            "monitoring": "belongs to the master, which tells every member; remove it here",
            "log_dir": "belongs to the master; an external writes its log under shared_file_path; remove the line",
        ])
        guard problems.list.isEmpty, let clusterName, let instanceKey, let memoryPath, let filePath else {
            throw ConfigurationError(file: file, problems: problems.list)
        }
        self.clusterName = clusterName
        self.instanceKey = InstanceKey(instanceKey)
        sharedMemoryPath = memoryPath
        sharedFilePath = filePath
    }
}
