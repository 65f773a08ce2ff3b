/// What the master knows of its cluster, for `fluxon members`.
package struct MembersAnswer: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var description: MemberDescription
        /// `in`, `bypassed`, `lost` for owners (CONSISTENCY §1), `leading` or `standing by` for masters, `connected` for externals.
        package var state: String
        /// Milliseconds since the master last heard of it.
        package var silentMilliseconds: UInt64

        /// Milliseconds for which the master has seen it in this state, in its term.
        package var stateMilliseconds: UInt64

        package init(description: MemberDescription, state: String, silentMilliseconds: UInt64, stateMilliseconds: UInt64 = 0) {
            self.description = description
            self.state = state
            self.silentMilliseconds = silentMilliseconds
            self.stateMilliseconds = stateMilliseconds
        }
    }

    package var clusterName: String
    package var term: UInt64
    package var members: [Member]

    package init(clusterName: String, term: UInt64, members: [Member]) {
        self.clusterName = clusterName
        self.term = term
        self.members = members
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.string(clusterName, field: 1)
        writer.unsigned(term, field: 2)
        for member in members {
            writer.message(field: 3) { nested in
                nested.message(field: 1) { member.description.encode(into: &$0) }
                nested.string(member.state, field: 2)
                nested.unsigned(member.silentMilliseconds, field: 3)
                nested.unsigned(member.stateMilliseconds, field: 4)
            }
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(clusterName: "", term: 0, members: [])
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: clusterName = try reader.string(limit: Limits.nameBytes)
            case 2: term = try reader.unsigned()
            case 3:
                guard members.count < Limits.members else { throw .tooMany(field: 3, limit: Limits.members) }
                var nested = try reader.message()
                members.append(try Self.member(&nested))
            default: try reader.skip()
            }
        }
    }

    private static func member(_ reader: inout ProtobufReader) throws(ProtobufError) -> Member {
        var description: MemberDescription?
        var state = ""
        var (silent, holds): (UInt64, UInt64) = (0, 0)
        while let field = try reader.next() {
            switch field {
            case 1:
                var nested = try reader.message()
                description = try MemberDescription(decoding: &nested)
            case 2: state = try reader.string(limit: Limits.nameBytes)
            case 3: silent = try reader.unsigned()
            case 4: holds = try reader.unsigned()
            default: try reader.skip()
            }
        }
        guard let description else { throw .invalidField(1) }
        return Member(description: description, state: state, silentMilliseconds: silent, stateMilliseconds: holds)
    }
}
