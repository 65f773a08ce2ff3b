/// The first message on a member's stream to the master: who joins which cluster. An owner's frames follow on the same stream,
/// an external only keeps it open.
package struct JoinRequest: Hashable, Sendable {
    package var protocolVersion = ProtocolVersion.current
    package var clusterName: String
    package var member: MemberDescription

    package init(clusterName: String, member: MemberDescription) {
        self.clusterName = clusterName
        self.member = member
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.unsigned(UInt64(clamping: protocolVersion), field: 1)
        writer.string(clusterName, limit: Limits.nameBytes, field: 2)
        writer.message(field: 3) { member.encode(into: &$0) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        var member: MemberDescription?
        var protocolVersion = 0
        var clusterName = ""
        while let field = try reader.next() {
            switch field {
            case 1: protocolVersion = try reader.count()
            case 2: clusterName = try reader.string(limit: Limits.nameBytes)
            case 3:
                var nested = try reader.message()
                member = try MemberDescription(decoding: &nested)
            default: try reader.skip()
            }
        }
        guard let member else { throw .invalidField(3) }
        self.init(clusterName: clusterName, member: member)
        self.protocolVersion = protocolVersion
    }
}

/// The master's answer to an external that joins. An owner gets a welcome instead (`LinkWelcome`); a refusal is the stream's status.
package struct JoinAnswer: Hashable, Sendable {
    package var protocolVersion = ProtocolVersion.current
    package var term: UInt64

    package init(term: UInt64) { self.term = term }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.unsigned(UInt64(clamping: protocolVersion), field: 1)
        writer.unsigned(term, field: 2)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(term: 0)
        // Nothing on the wire means that nothing was said.
        protocolVersion = 0
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: protocolVersion = try reader.count()
            case 2: term = try reader.unsigned()
            default: try reader.skip()
            }
        }
        guard term != 0 else { throw .invalidField(2) }
    }
}
