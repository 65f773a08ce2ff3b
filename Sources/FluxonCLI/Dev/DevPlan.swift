import FluxonCore

/// Everything about a cluster of one machine that is decided before the first process starts: names, folders, ports, files.
struct DevPlan {
    /// Where the control plane's metadata lives.
    enum Metadata: Hashable {
        /// An etcd that runs already.
        case existing([NetworkEndpoint])
        /// The master's own, in a file of the work folder.
        case embedded(port: UInt16)
    }

    struct Member: Hashable {
        var role: Role
        var instanceKey: String
        var executable: String
        var arguments: [String]
        var configuration: (path: String, text: String)
        var socket: String?
        var address: String?

        static func == (left: Member, right: Member) -> Bool { left.instanceKey == right.instanceKey }
        func hash(into hasher: inout Hasher) { hasher.combine(instanceKey) }
    }

    enum Role: String, CaseIterable { case master, owner, external }

    var clusterName: String
    var prefix: String
    var ownerCount: Int
    var workFolder: String
    var poolFolder: String
    var poolBytesPerOwner: Int
    var metadata: Metadata
    /// The embedded metadata's, with what SQLite keeps beside it.
    var metadataFiles: [String] { ["", "-wal", "-shm"].map { "\(workFolder)/metadata.sqlite\($0)" } }
    var hasMaster: Bool
    /// Folder of fluxon-master, fluxon-owner and fluxon-external.
    var executables: String
    /// Free loopback ports: the master's, then one for each owner's bulk data.
    var ports: [UInt16]

    var logFolder: String { workFolder + "/log" }
    var configurationFolder: String { workFolder + "/config" }
    func logPath(_ instanceKey: String) -> String { "\(logFolder)/\(instanceKey).log" }
    func sharedFolder(_ owner: Int) -> String { "\(workFolder)/run/\(prefix)owner-\(owner)" }

    /// The longest socket path that the plan makes, to be held against the kernel's limit before anything starts.
    var longestSocketPath: String { "\(sharedFolder(ownerCount))/\(prefix)external-\(ownerCount).sock" }

    /// The members in the order of their start; those of one group start side by side.
    var groups: [[Member]] {
        var groups: [[Member]] = []
        if hasMaster { groups.append([master]) }
        groups.append((1...ownerCount).map(owner))
        groups.append((1...ownerCount).map(external))
        return groups
    }

    private var endpoints: [NetworkEndpoint] {
        switch metadata {
        case .existing(let endpoints): endpoints
        case .embedded(let port): [NetworkEndpoint(host: "127.0.0.1", port: port)]
        }
    }

    private var endpointList: String { "[" + endpoints.map(\.description).joined(separator: ", ") + "]" }

    private var master: Member {
        let metadataText =
            switch metadata {
            case .existing:
                """
                # Where the cluster's metadata lives.
                etcd_endpoints: \(endpointList)
                """
            case .embedded(let port):
                """
                # The cluster's metadata lives in one file of the master's, behind the part of etcd's API that is needed.
                embedded_metadata:
                  listen: 127.0.0.1:\(port)
                  path: \(Self.yaml(metadataFiles[0]))
                """
            }
        return member(
            .master, prefix + "master-1", socket: nil, address: "127.0.0.1:\(ports[0])",
            text: """
                # The master: membership, routing and leases. No value passes it.
                cluster_name: \(clusterName)
                instance_key: \(prefix)master-1
                \(metadataText)
                # Where owners and externals reach the master.
                listen: 127.0.0.1:\(ports[0])

                """)
    }

    private func owner(_ number: Int) -> Member {
        let port = ports[number]
        return member(
            .owner, "\(prefix)owner-\(number)", socket: sharedFolder(number) + "/owner.sock", address: "127.0.0.1:\(port)",
            text: """
                # An owner: lends memory to the cluster. Several on one machine stand for several machines.
                cluster_name: \(clusterName)
                instance_key: \(prefix)owner-\(number)
                etcd_endpoints: \(endpointList)
                # The pool lies here, on a tmpfs.
                shared_memory_path: \(Self.yaml("\(poolFolder)/\(prefix)owner-\(number)"))
                # shared.json, the socket and what else processes of this machine need.
                shared_file_path: \(Self.yaml(sharedFolder(number)))
                # \(ByteSize.describe(poolBytesPerOwner)), reserved in full at start.
                contribute_to_cluster_pool_size: \(poolBytesPerOwner)
                network:
                  # Where other owners pull bulk data from.
                  bulk_listen: 127.0.0.1:\(port)

                """)
    }

    private func external(_ number: Int) -> Member {
        let name = "\(prefix)external-\(number)"
        return member(
            .external, name, socket: "\(sharedFolder(number))/\(name).sock", address: nil,
            text: """
                # An external: the sidecar of one business process, at owner \(number). It contributes no memory.
                cluster_name: \(clusterName)
                instance_key: \(name)
                # Both are the owner's.
                shared_memory_path: \(Self.yaml("\(poolFolder)/\(prefix)owner-\(number)"))
                shared_file_path: \(Self.yaml(sharedFolder(number)))

                """)
    }

    private func member(_ role: Role, _ instanceKey: String, socket: String?, address: String?, text: String) -> Member {
        let path = "\(configurationFolder)/\(instanceKey).yaml"
        return Member(
            role: role, instanceKey: instanceKey, executable: "\(executables)/fluxon-\(role.rawValue)", arguments: ["--config", path],
            configuration: (path, text), socket: socket, address: address)
    }
}
