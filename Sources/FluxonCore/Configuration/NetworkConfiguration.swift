/// `network`: the addresses of a role that leaves the machine.
package struct NetworkConfiguration: Sendable, Hashable {
    /// `bulk_listen` (owners): where other owners pull bulk data from. Default 127.0.0.1:0, which serves one machine.
    package var bulkListen: NetworkEndpoint
    /// `advertise`: the host under which others reach this one. Default: the host listened on.
    package var advertise: String?
    /// `numa_node` (owners): the part of the machine where the pool's pages and the owner's thread live. Nil: near the RDMA devices that say
    /// where they are, else anywhere.
    package var numaNode: Int?
    /// `relay_bytes` (owners): memory of the pool for values on their way between owners that cannot reach each other. 0: this owner is no
    /// relay. Default 64 MiB.
    package var relayBytes = Limits.relayBytes
    /// `rdma_device_names` (owners): these devices and no others are ever used, in this order of preference. Nil: every one that is found.
    package var rdmaDeviceNames: [String]?
    /// `rdma` (owners). Default: auto.
    package var rdma = RDMAUse.auto
    /// `poll_mode` (owners). Default: event.
    package var pollMode = PollMode.event

    package enum RDMAUse: String, Sendable, Hashable, CaseIterable {
        /// Wherever both owners have a device; TCP elsewhere.
        case auto
        /// Devices are not even looked for.
        case off
    }

    /// How completions of RDMA reads are waited for.
    package enum PollMode: String, Sendable, Hashable, CaseIterable {
        /// Asleep until the device says so: an idle owner costs nothing.
        case event
        /// Looking again and again, for a bounded time after the last read: some microseconds less a read, for a core while reads run.
        case busy
    }

    /// Where others reach what listens on `host` and `port`.
    package func advertised(host: String, port: UInt16) -> String { NetworkEndpoint(host: advertise ?? host, port: port).authority }

    /// The address whose host others have to reach.
    enum Service {
        case control(NetworkEndpoint)
        /// Beside the owner's `listen`; nil: the default.
        case bulk(NetworkEndpoint?)

        var isControl: Bool {
            if case .control = self { true } else { false }
        }
    }

    init(from top: inout ConfigurationSection, serves service: Service) {
        bulkListen = NetworkEndpoint(host: "127.0.0.1", port: 0)
        var section = top.section("network")
        switch service {
        case .control(let listen):
            advertise = section?.readHost("advertise", example: "10.0.0.1")
            if listen.isWildcard, advertise == nil { Self.reportWildcard("listen", in: top) }
        case .bulk(let listen):
            bulkListen = section?.readListen("bulk_listen", example: "10.0.0.1:7401") ?? bulkListen
            advertise = section?.readHost("advertise", example: "10.0.0.1")
            relayBytes = Self.readRelayBytes(&section) ?? relayBytes
            readDevices(&section)
            if bulkListen.isWildcard, advertise == nil, let section { Self.reportWildcard("bulk_listen", in: section) }
            guard let listen else { break }
            if listen.isWildcard, advertise == nil { Self.reportWildcard("listen", in: top) }
            if listen == bulkListen, listen.port != 0 {
                top.report("listen", rule: "must be another port than network.bulk_listen", example: "\(listen.host):\(listen.port ^ 1)")
            }
        }
        section?.finish(elsewhere: service.isControl ? Self.ownersKeys : [:])
    }

    private static let ownersKeys = Dictionary(
        uniqueKeysWithValues: ["bulk_listen", "relay_bytes", "rdma", "rdma_device_names", "poll_mode", "numa_node"].map {
            ($0, "belongs to owners, which move the values; remove it here")
        })

    private mutating func readDevices(_ section: inout ConfigurationSection?) {
        func choice<Choice: RawRepresentable & CaseIterable>(_ key: String, _ type: Choice.Type, example: String) -> Choice?
        where Choice.RawValue == String {
            let names = Choice.allCases.map(\.rawValue).joined(separator: " or ")
            return section?.read(key, rule: "must be \(names)", example: example, convert: Choice.init(rawValue:))
        }
        rdma = choice("rdma", RDMAUse.self, example: "auto") ?? .auto
        pollMode = choice("poll_mode", PollMode.self, example: "event") ?? .event
        numaNode = section?.read("numa_node", rule: "must be the number of a NUMA node, from 0 to 1023", example: "0") {
            Int($0).flatMap { (0...1023).contains($0) ? $0 : nil }
        }
        let rule = "must be the name of an RDMA device as `rdma link` shows it, at most \(Limits.networkDevices) of them, each once"
        let names = section?.readList("rdma_device_names", rule: rule, example: "mlx5_0") { NetworkSettings.isDeviceName($0) ? $0 : nil }
        guard let names else { return }
        if names.count > Limits.networkDevices || Set(names).count < names.count {
            section?.report("rdma_device_names", rule: rule, example: "[mlx5_0, mlx5_1]")
        }
        if rdma == .off {
            section?.report("rdma_device_names", rule: "names devices that network.rdma = off never uses; remove one of the two lines")
        }
        rdmaDeviceNames = names
    }

    private static func readRelayBytes(_ section: inout ConfigurationSection?) -> Int? {
        let least = Limits.relayPieceBytes
        let rule = "\(ConfigurationRules.size): 0 for no relay, else at least \(ByteSize.describe(least)), the piece relayed at a time"
        return section?.read("relay_bytes", rule: rule, example: "64MiB") {
            ByteSize.parse($0).flatMap { $0 == 0 || $0 >= least ? $0 : nil }
        }
    }

    private static func reportWildcard(_ key: String, in section: ConfigurationSection) {
        section.report(
            key, rule: "listens on every address, so network.advertise must name the host that others reach", example: "advertise: 10.0.0.1"
        )
    }
}

extension NetworkConfiguration {
    /// Which of the devices that were found this owner uses: those of `rdma_device_names` in their order, or all.
    ///
    /// - Parameter found: The names of this machine's RDMA devices, for an owner whose `rdma` is `auto`.
    /// - Throws: A configured device that this machine has not; the message names those that it has.
    package func devices(among found: [String]) throws(FluxonError) -> [String] {
        guard rdma == .auto else { return [] }
        guard let names = rdmaDeviceNames else { return found }
        let missing = names.filter { !found.contains($0) }
        guard missing.isEmpty else {
            let present =
                found.isEmpty
                ? "it has no RDMA device: remove the line, and values go over TCP, or load the device's driver"
                : "its RDMA devices are \(found.sorted().joined(separator: ", ")): correct the line"
            throw FluxonError(
                .invalidConfiguration,
                "network.rdma_device_names: this machine has no \(missing.map { "'\($0)'" }.joined(separator: ", no ")); \(present)")
        }
        return names
    }
}

/// `tls`: TLS 1.3 with certificates on both sides, for everything that leaves the machine.
package struct TLSConfiguration: Sendable, Hashable {
    /// `certificate`: this process's certificate chain, a PEM file.
    package var certificate: String
    /// `key`: its private key, a PEM file.
    package var key: String
    /// `ca`: the certificates that the other side must chain to, a PEM file.
    package var ca: String
    /// `require_client_certificate`: refuse callers without one. Default true.
    package var requiresClientCertificate: Bool

    init?(from top: inout ConfigurationSection) {
        guard var section = top.section("tls") else { return nil }
        let certificate = section.requirePath("certificate", example: "/etc/fluxon/tls/node.pem")
        let key = section.requirePath("key", example: "/etc/fluxon/tls/node-key.pem")
        let ca = section.requirePath("ca", example: "/etc/fluxon/tls/ca.pem")
        let require = section.read("require_client_certificate", rule: "must be true or false", example: "true") { Bool($0) }
        section.finish()
        guard let certificate, let key, let ca else { return nil }
        self.certificate = certificate
        self.key = key
        self.ca = ca
        requiresClientCertificate = require ?? true
    }
}

/// `etcd`: how to be let in by the etcd of `etcd_endpoints`.
package struct EtcdAccessConfiguration: Sendable, Hashable {
    /// `username` with `password_file`, whose first line is the password: it never stands in a configuration.
    package var username: String?
    package var passwordFile: String?
    /// `ca`: what etcd's certificate must chain to, a PEM file. Default: the system's.
    package var ca: String?
    /// `certificate` and `key`: for an etcd that asks its clients for one.
    package var certificate: String?
    package var key: String?

    init?(from top: inout ConfigurationSection) {
        guard var section = top.section("etcd") else { return nil }
        username = section.readName("username", example: "fluxon")
        passwordFile = section.readPath("password_file", example: "/etc/fluxon/etcd-password")
        ca = section.readPath("ca", example: "/etc/fluxon/tls/etcd-ca.pem")
        certificate = section.readPath("certificate", example: "/etc/fluxon/tls/etcd-client.pem")
        key = section.readPath("key", example: "/etc/fluxon/tls/etcd-client-key.pem")
        for (one, other) in [("username", "password_file"), ("certificate", "key")] where section.has(one) != section.has(other) {
            section.report(section.has(one) ? one : other, rule: "\(one) and \(other) go together; give both or neither")
        }
        section.finish()
    }
}
