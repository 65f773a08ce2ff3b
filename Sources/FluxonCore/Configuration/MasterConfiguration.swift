/// What a master is told at its start.
package struct MasterConfiguration: Sendable, Hashable {
    /// `cluster_name`: separates the keyspaces of clusters that share an etcd.
    package var clusterName: String
    /// `instance_key`: unique name of this process in its cluster.
    package var instanceKey: InstanceKey
    /// `etcd_endpoints`. Default: the embedded metadata's own address, where that is configured.
    package var etcdEndpoints: [NetworkEndpoint]
    /// `listen`: where owners reach this master. Default 127.0.0.1:0, which serves one machine.
    package var listen: NetworkEndpoint
    package var network: NetworkConfiguration
    /// `tls`: encrypts and authenticates everything that leaves the machine. Default: none.
    package var tls: TLSConfiguration?
    /// `etcd`: user and certificates for etcd. Default: none.
    package var etcd: EtcdAccessConfiguration?
    /// `log_dir`. Default: standard error only.
    package var logDirectory: String?
    package var logLevel: LogVerbosity
    package var monitoring: MonitoringConfiguration?
    package var embeddedMetadata: EmbeddedMetadataConfiguration?
    /// `timing`: the two times that depend on the site; the others are the protocol's.
    package var timing: ProtocolTiming

    /// - Parameter file: Its name for messages; nothing is opened.
    /// - Throws: Every problem at once.
    package init(yaml text: String, file: String) throws(ConfigurationError) {
        let problems = ConfigurationProblems()
        guard var top = ConfigurationSection(yaml: text, problems: problems) else {
            throw ConfigurationError(file: file, problems: problems.list)
        }
        let clusterName = top.requireName("cluster_name", example: "demo")
        let instanceKey = top.requireName("instance_key", example: "master-1")
        let embedded = EmbeddedMetadataConfiguration(from: &top)
        let endpoints = top.readEndpoints("etcd_endpoints")
        if !top.has("etcd_endpoints"), !top.has("embedded_metadata") {
            top.missing("etcd_endpoints", rule: "name an etcd, or set embedded_metadata", example: "[http://127.0.0.1:2379]")
        }
        listen = top.readListen("listen", example: "10.0.0.1:7400") ?? NetworkEndpoint(host: "127.0.0.1", port: 0)
        network = NetworkConfiguration(from: &top, serves: .control(listen))
        tls = TLSConfiguration(from: &top)
        etcd = EtcdAccessConfiguration(from: &top)
        logDirectory = top.readPath("log_dir", example: "/var/log/fluxon")
        logLevel = top.readLogLevel()
        monitoring = MonitoringConfiguration(from: &top)
        timing = ProtocolTiming(from: &top)
        top.finish(elsewhere: [
            "shared_memory_path": "belongs to owners and externals: a master holds no values; remove the line",
            "shared_file_path": "belongs to owners and externals; a master writes its log to log_dir; remove the line",
            "contribute_to_cluster_pool_size": "belongs to owners: a master holds no values; remove the line",
        ])
        guard problems.list.isEmpty, let clusterName, let instanceKey else { throw ConfigurationError(file: file, problems: problems.list) }
        self.clusterName = clusterName
        self.instanceKey = InstanceKey(instanceKey)
        embeddedMetadata = embedded
        etcdEndpoints = endpoints ?? embedded.map { [$0.listen] } ?? []
    }
}

extension ProtocolTiming {
    /// The section `timing`: `guest_clock_stop` (CONSISTENCY's p, default 0 s) and `lost_after` (default 30 s).
    fileprivate init(from top: inout ConfigurationSection) {
        self.init()
        guard var section = top.section("timing") else { return }
        guestClockStop = section.readDuration("guest_clock_stop", example: "2s") ?? guestClockStop
        lostAfter = section.readDuration("lost_after", example: "30s") ?? lostAfter
        if lostAfter <= newMasterWait {
            let least = Int(newMasterWait.components.seconds) + 1
            section.report(
                "lost_after", rule: "must be longer than a new master waits for a silent owner (\(newMasterWait))", example: "\(least)s")
        }
        section.finish()
    }
}

/// `embedded_metadata`: the master itself serves the part of etcd's API that a cluster needs, from one file.
package struct EmbeddedMetadataConfiguration: Sendable, Hashable {
    /// `listen`: the address of the etcd API. Default 127.0.0.1:2379.
    package var listen: NetworkEndpoint
    /// `path`: the SQLite file, created when missing.
    package var path: String

    init?(from top: inout ConfigurationSection) {
        guard var section = top.section("embedded_metadata") else { return nil }
        listen = section.readListen("listen", example: "127.0.0.1:2379") ?? NetworkEndpoint(host: "127.0.0.1", port: 2379)
        path = section.requirePath("path", example: "/var/lib/fluxon/metadata.sqlite") ?? ""
        section.finish()
    }
}

/// `monitoring`: set on the master alone, broadcast to every member.
package struct MonitoringConfiguration: Sendable, Hashable {
    /// `prometheus_base_url`: the metrics source that the panel queries.
    package var prometheusBaseURL: String?
    /// `prom_remote_write_url`: where every member writes its metrics.
    package var remoteWriteURL: String?
    /// `otlp_log_api`: where every member sends its log.
    package var logURL: String?

    init?(from top: inout ConfigurationSection) {
        guard var section = top.section("monitoring") else { return nil }
        prometheusBaseURL = section.readURL("prometheus_base_url", example: "http://127.0.0.1:9090")
        remoteWriteURL = section.readURL("prom_remote_write_url", example: "http://127.0.0.1:4000/v1/prometheus/write")
        logURL = section.readURL("otlp_log_api", example: "http://127.0.0.1:4000/v1/otlp/v1/logs")
        section.finish()
    }
}
