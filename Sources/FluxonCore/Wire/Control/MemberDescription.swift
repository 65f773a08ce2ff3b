/// Who a process of the cluster is and where it can be reached: what it says when it joins, and what `fluxon members` shows.
package struct MemberDescription: Hashable, Sendable {
    package enum Role: UInt64, Sendable, CaseIterable {
        case master = 1
        case owner = 2
        case external = 3

        package var name: String {
            switch self {
            case .master: "master"
            case .owner: "owner"
            case .external: "external"
            }
        }
    }

    package var role: Role
    package var instanceKey: InstanceKey
    /// Counted by the master in the roster; 0 before the master has answered.
    package var generation = Generation(0)
    /// Random name of the process, so that a repeated join is known for what it is.
    package var incarnation: String = ""
    /// `host:port` of its RPC; empty for an external, which is reached over its socket.
    package var address: String = ""
    /// `host:port` of an owner's bulk data.
    package var bulkAddress: String = ""
    /// Path of its Unix socket on its host.
    package var socket: String = ""
    package var host: String = ""
    package var processID: UInt64 = 0
    /// Bytes that it lends to the cluster.
    package var poolBytes: UInt64 = 0
    package var subCluster: String = ""
    /// The number by which the master's answers name this owner as a holder; 0 for other roles, and before the master has answered.
    package var ownerNumber: UInt64 = 0

    package init(role: Role, instanceKey: InstanceKey) {
        self.role = role
        self.instanceKey = instanceKey
    }
}

extension MemberDescription {
    package func encode(into writer: inout ProtobufWriter) {
        writer.unsigned(role.rawValue, field: 1)
        writer.string(instanceKey.name, limit: Limits.nameBytes, field: 2)
        writer.unsigned(generation.number, field: 3)
        writer.string(incarnation, limit: Limits.nameBytes, field: 4)
        writer.string(address, limit: Limits.nameBytes, field: 5)
        writer.string(bulkAddress, limit: Limits.nameBytes, field: 6)
        writer.string(socket, limit: Limits.nameBytes, field: 7)
        writer.string(host, limit: Limits.nameBytes, field: 8)
        writer.unsigned(processID, field: 9)
        writer.unsigned(poolBytes, field: 10)
        writer.string(subCluster, limit: Limits.nameBytes, field: 11)
        writer.unsigned(ownerNumber, field: 12)
    }

    package init(decoding reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(role: .external, instanceKey: InstanceKey(""))
        var known = false
        while let field = try reader.next() {
            switch field {
            case 1:
                guard let role = Role(rawValue: try reader.unsigned()) else { throw .invalidField(1) }
                self.role = role
                known = true
            case 2: instanceKey = InstanceKey(try reader.string(limit: Limits.nameBytes))
            case 3: generation = Generation(try reader.unsigned())
            case 4: incarnation = try reader.string(limit: Limits.nameBytes)
            case 5: address = try reader.string(limit: Limits.nameBytes)
            case 6: bulkAddress = try reader.string(limit: Limits.nameBytes)
            case 7: socket = try reader.string(limit: Limits.nameBytes)
            case 8: host = try reader.string(limit: Limits.nameBytes)
            case 9: processID = try reader.unsigned()
            case 10: poolBytes = try reader.unsigned()
            case 11: subCluster = try reader.string(limit: Limits.nameBytes)
            case 12: ownerNumber = try reader.unsigned()
            default: try reader.skip()
            }
        }
        guard known else { throw .invalidField(1) }
        guard !instanceKey.name.isEmpty else { throw .invalidField(2) }
    }
}
