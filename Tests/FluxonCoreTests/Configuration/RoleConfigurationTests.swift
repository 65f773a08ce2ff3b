import FluxonCore
import Testing

@Suite struct RoleConfigurationTests {
    private static let owner = """
        cluster_name: demo
        instance_key: owner-1
        etcd_endpoints: [http://127.0.0.1:2379, etcd-2:2379]
        shared_memory_path: /dev/shm/fluxon/
        shared_file_path: /run/fluxon/owner
        contribute_to_cluster_pool_size: 1.5GiB
        """

    private func problems(_ body: () throws(ConfigurationError) -> Void) -> [String] {
        do {
            try body()
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test("an owner's file is read with its defaults")
    func ownerDefaults() throws {
        let configuration = try OwnerConfiguration(yaml: Self.owner, file: "owner.yaml")
        #expect(configuration.clusterName == "demo")
        #expect(configuration.instanceKey == InstanceKey("owner-1"))
        #expect(configuration.etcdEndpoints.map(\.authority) == ["127.0.0.1:2379", "etcd-2:2379"])
        #expect(configuration.poolPath == "/dev/shm/fluxon/pool")
        #expect(configuration.socketPath == "/run/fluxon/owner/owner.sock")
        #expect(configuration.poolBytes == 3 << 29)
        #expect(configuration.network.bulkListen == NetworkEndpoint(host: "127.0.0.1", port: 0))
        #expect(configuration.tls == nil)
        #expect(configuration.logLevel == .info)
    }

    @Test("a pool size may be a mapping of kinds of memory")
    func poolOfKinds() throws {
        let text = Self.owner.replacing("1.5GiB", with: "{dram: 2GiB}")
        #expect(try OwnerConfiguration(yaml: text, file: "f").poolBytes == 2 << 30)
        let misspelt = problems { () throws(ConfigurationError) in
            _ = try OwnerConfiguration(yaml: Self.owner.replacing("1.5GiB", with: "{dran: 2GiB}"), file: "f")
        }
        #expect(misspelt.contains { $0.contains("contribute_to_cluster_pool_size.dran: unknown key; did you mean dram?") })
    }

    @Test("every problem of a file is reported at once, with line, path, value, rule and a value that works")
    func allProblems() {
        let text = """
            cluster_name: two words
            instance_kye: owner-1
            etcd_endpoints: [127.0.0.1]
            shared_memory_path: shm
            contribute_to_cluster_pool_size: 12 parsecs
            log_dir: /var/log
            """
        let found = problems { () throws(ConfigurationError) in _ = try OwnerConfiguration(yaml: text, file: "f") }
        #expect(found.count == 8, "\(found)")
        for expected in [
            "line 1: cluster_name = \"two words\": must be 1 to 255 letters",
            "instance_key: missing",
            "line 2: instance_kye: unknown key; did you mean instance_key?",
            "line 3: etcd_endpoints[0] = \"127.0.0.1\": must be http://host:port, https://host:port or host:port, e.g. http://127.0.0.1:2379",
            "line 4: shared_memory_path = \"shm\": must be an absolute path, e.g. /dev/shm/fluxon",
            "shared_file_path: missing; must be an absolute path, e.g. shared_file_path: /run/fluxon/owner",
            "line 5: contribute_to_cluster_pool_size = \"12 parsecs\": must be a number of bytes",
            "line 6: log_dir: belongs to the master",
        ] {
            #expect(found.contains { $0.hasPrefix(expected) || $0.contains(": \(expected)") }, "\(expected) is not among \(found)")
        }
    }

    @Test(
        "what is no mapping, or no YAML, is one clear problem",
        arguments: [
            ("- a\n- b", "must be a mapping"), ("a: [", "is not valid YAML"), ("a: 1\na: 2", "stands twice"), ("\"x", "is not valid YAML"),
            ("42", "must be a mapping"),
        ])
    func noMapping(text: String, rule: String) {
        let found = problems { () throws(ConfigurationError) in _ = try MasterConfiguration(yaml: text, file: "f") }
        #expect(found.count == 1)
        #expect(found.first?.contains(rule) == true, "\(found)")
    }

    @Test("an empty file says what is missing")
    func empty() {
        let found = problems { () throws(ConfigurationError) in _ = try ExternalConfiguration(yaml: "", file: "f") }
        #expect(found.count == 4, "\(found)")
        #expect(found.allSatisfy { $0.contains("missing") })
    }

    @Test("embedded metadata stands in for etcd_endpoints")
    func embeddedMetadata() throws {
        let text = "cluster_name: demo\ninstance_key: m\nembedded_metadata:\n  path: /var/lib/fluxon/meta.sqlite\n"
        let configuration = try MasterConfiguration(yaml: text, file: "f")
        #expect(configuration.etcdEndpoints == [NetworkEndpoint(host: "127.0.0.1", port: 2379)])
        let without = problems { () throws(ConfigurationError) in
            _ = try MasterConfiguration(yaml: "cluster_name: d\ninstance_key: m", file: "f")
        }
        #expect(without.count == 1 && without[0].contains("name an etcd, or set embedded_metadata"))
    }

    @Test("a master's sections are read")
    func masterSections() throws {
        let text = """
            cluster_name: demo
            instance_key: m
            etcd_endpoints: https://etcd:2379
            listen: 0.0.0.0:7400
            network: {advertise: master.example}
            tls: {certificate: /c.pem, key: /k.pem, ca: /ca.pem, require_client_certificate: false}
            etcd: {username: fluxon, password_file: /p}
            monitoring: {prom_remote_write_url: "http://127.0.0.1:4000/v1/prometheus/write"}
            timing: {guest_clock_stop: 2s, lost_after: 1min}
            log_level: debug
            """
        let configuration = try MasterConfiguration(yaml: text, file: "f")
        #expect(configuration.listen == NetworkEndpoint(host: "0.0.0.0", port: 7400))
        #expect(configuration.network.advertise == "master.example")
        #expect(configuration.tls?.requiresClientCertificate == false)
        #expect(configuration.etcd?.username == "fluxon")
        #expect(configuration.monitoring?.remoteWriteURL == "http://127.0.0.1:4000/v1/prometheus/write")
        #expect(configuration.timing.guestClockStop == .seconds(2))
        #expect(configuration.timing.lostAfter == .seconds(60))
        #expect(configuration.logLevel == .debug)
    }

    @Test(
        "what only its neighbours show to be wrong is reported",
        arguments: [
            ("listen: 0.0.0.0:7400", "network.advertise must name the host"),
            ("timing: {lost_after: 5s}", "must be longer than a new master waits"),
            ("etcd: {username: fluxon}", "username and password_file go together"),
            ("log_level: loud", "must be one of trace, debug"),
            ("tls: {certificate: /c.pem}", "tls.key: missing"), ("tls:", "tls.ca: missing"),
            ("embedded_metadata: # commented out below", "embedded_metadata.path: missing"),
            ("monitoring: {otlp_log_api: nowhere}", "must be an http:// or https:// URL"),
            ("shared_memory_path: /dev/shm", "belongs to owners and externals"),
        ])
    func neighbours(line: String, rule: String) {
        let text = "cluster_name: demo\ninstance_key: m\netcd_endpoints: [a:1]\n\(line)\n"
        let found = problems { () throws(ConfigurationError) in _ = try MasterConfiguration(yaml: text, file: "f") }
        #expect(found.contains { $0.contains(rule) }, "\(found)")
    }

    @Test("an owner's addresses: by default one host, any port; a wildcard needs a host, and two services two ports")
    func ownerAddresses() throws {
        let defaults = try OwnerConfiguration(yaml: Self.owner + "\nnetwork: {bulk_listen: 10.0.0.2:7401}\n", file: "f")
        #expect(defaults.listen == NetworkEndpoint(host: "10.0.0.2", port: 0))
        let fixed = try OwnerConfiguration(
            yaml: Self.owner + "\nlisten: 0.0.0.0:7402\nnetwork: {bulk_listen: 0.0.0.0:7401, advertise: a.example}\n", file: "f")
        #expect(fixed.listen == NetworkEndpoint(host: "0.0.0.0", port: 7402))
        for (lines, rule) in [
            ("listen: 0.0.0.0:7402", "network.advertise must name the host"),
            ("listen: 10.0.0.2:7401\nnetwork: {bulk_listen: 10.0.0.2:7401}", "must be another port than network.bulk_listen"),
        ] {
            let found = problems { () throws(ConfigurationError) in
                _ = try OwnerConfiguration(yaml: Self.owner + "\n\(lines)\n", file: "f")
            }
            #expect(found.contains { $0.contains(rule) }, "\(found)")
        }
    }

    @Test("what an owner lends to relaying is a size of at least one piece, or nothing")
    func relayBytes() throws {
        func owner(_ value: String) throws(ConfigurationError) -> OwnerConfiguration {
            try OwnerConfiguration(yaml: Self.owner + "\nnetwork: {relay_bytes: \(value)}\n", file: "f")
        }
        #expect(try OwnerConfiguration(yaml: Self.owner + "\n", file: "f").network.relayBytes == 64 << 20)
        #expect(try owner("8MiB").network.relayBytes == 8 << 20 && owner("0").network.relayBytes == 0)
        for value in ["1MiB", "much"] {
            let found = problems { () throws(ConfigurationError) in _ = try owner(value) }
            #expect(found.contains { $0.contains("0 for no relay, else at least 4 MiB") }, "\(found)")
        }
    }

    @Test("an owner's devices: every one by default, those that are named otherwise, none with RDMA off")
    func devices() throws {
        func network(_ lines: String) throws -> NetworkConfiguration {
            try OwnerConfiguration(yaml: Self.owner + "\nnetwork: {\(lines)}\n", file: "f").network
        }
        let defaults = try network("bulk_listen: 10.0.0.2:7401")
        #expect(defaults.rdma == .auto && defaults.pollMode == .event && defaults.rdmaDeviceNames == nil)
        #expect(try defaults.devices(among: ["b", "a"]) == ["b", "a"])
        #expect(try network("rdma: off").devices(among: ["a"]) == [])
        let pinned = try network("rdma_device_names: [mlx5_1, mlx5_0], poll_mode: busy, numa_node: 1")
        #expect(pinned.numaNode == 1)
        #expect(pinned.pollMode == .busy)
        #expect(try pinned.devices(among: ["mlx5_0", "mlx5_1", "mlx5_2"]) == ["mlx5_1", "mlx5_0"])
        let other = #expect(throws: FluxonError.self) { try pinned.devices(among: ["rxe0", "mlx5_1"]) }
        #expect(other?.message.contains("has no 'mlx5_0'; its RDMA devices are mlx5_1, rxe0") == true, "\(other?.message ?? "")")
        let none = #expect(throws: FluxonError.self) { try pinned.devices(among: []) }
        #expect(none?.message.contains("no 'mlx5_1', no 'mlx5_0'; it has no RDMA device: remove the line") == true)
    }

    @Test(
        "what is wrong with an owner's devices is reported like the rest",
        arguments: [
            ("rdma: sometimes", "network.rdma = \"sometimes\": must be auto or off"),
            ("numa_node: -1", "network.numa_node = \"-1\": must be the number of a NUMA node, from 0 to 1023"),
            ("poll_mode: fast", "network.poll_mode = \"fast\": must be event or busy"),
            ("rdma_device_names: [mlx5_0, two words]", "network.rdma_device_names[1] = \"two words\": must be the name of an RDMA device"),
            ("rdma_device_names: [a, a]", "each once"), ("rdma_device_names: []", "must name at least one"),
            ("rdma: off, rdma_device_names: [a]", "remove one of the two lines"),
            ("rdma_devices: [a]", "unknown key"),
        ])
    func wrongDevices(line: String, rule: String) {
        let found = problems { () throws(ConfigurationError) in
            _ = try OwnerConfiguration(yaml: Self.owner + "\nnetwork: {\(line)}\n", file: "f")
        }
        #expect(found.count == 1 && found[0].contains(rule), "\(found)")
        let master = problems { () throws(ConfigurationError) in
            _ = try MasterConfiguration(
                yaml: "cluster_name: d\ninstance_key: m\netcd_endpoints: [a:1]\nnetwork: {poll_mode: event}", file: "f")
        }
        #expect(master.count == 1 && master[0].contains("network.poll_mode: belongs to owners"), "\(master)")
    }

    @Test("an external contributes no memory and learns etcd from shared.json")
    func external() throws {
        let text = "cluster_name: demo\ninstance_key: worker-1\nshared_memory_path: /dev/shm/f\nshared_file_path: /run/f\n"
        let configuration = try ExternalConfiguration(yaml: text + "contribute_to_cluster_pool_size: 0\n", file: "f")
        #expect(configuration.socketPath == "/run/f/worker-1.sock")
        let found = problems { () throws(ConfigurationError) in
            _ = try ExternalConfiguration(yaml: text + "contribute_to_cluster_pool_size: 1GiB\netcd_endpoints: [a:1]\n", file: "f")
        }
        #expect(found.count == 2, "\(found)")
    }

    @Test("a socket path that the kernel would cut is refused while the file is read")
    func socketPath() {
        let long = "/" + String(repeating: "x", count: 100)
        let found = problems { () throws(ConfigurationError) in
            _ = try OwnerConfiguration(yaml: Self.owner.replacing("/run/fluxon/owner", with: long), file: "f")
        }
        #expect(found.count == 1 && found[0].contains("112 bytes long; the kernel takes 107"), "\(found)")
    }

    @Test("the error names the file and counts the problems")
    func errorText() {
        let error = ConfigurationError(
            file: "owner.yaml",
            problems: [ConfigurationProblem(path: "a", rule: "must be b"), ConfigurationProblem(path: "c", rule: "must be d")])
        #expect(error.description == "owner.yaml: 2 problems\n  a: must be b\n  c: must be d")
    }
}
