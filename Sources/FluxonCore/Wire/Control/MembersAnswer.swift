/// Asks the master for its members, a page at a time.
package struct MembersRequest: Hashable, Sendable {
    /// Those behind this name; empty: from the first on.
    package var after = InstanceKey("")

    package init(after: InstanceKey = InstanceKey("")) { self.after = after }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.string(after.name, limit: Limits.nameBytes, field: 1)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init()
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: after = InstanceKey(try reader.string(limit: Limits.nameBytes))
            default: try reader.skip()
            }
        }
    }
}

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
    /// The master that answers first, then the others in the order of their names.
    package var members: [Member]
    /// Ask for those behind the last one of `members`.
    package var hasMore: Bool

    package init(clusterName: String, term: UInt64, members: [Member], hasMore: Bool = false) {
        self.clusterName = clusterName
        self.term = term
        self.members = members
        self.hasMore = hasMore
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.string(clusterName, limit: Limits.nameBytes, field: 1)
        writer.unsigned(term, field: 2)
        writer.list(members, limit: Limits.membersPage, field: 3) { $0.encode(into: &$1) }
        writer.boolean(hasMore || members.count > Limits.membersPage, field: 4)
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
                guard members.count < Limits.membersPage else { throw .tooMany(field: 3, limit: Limits.membersPage) }
                members.append(try reader.member())
            case 4: hasMore = try reader.boolean()
            default: try reader.skip()
            }
        }
    }
}

extension MembersAnswer.Member {
    func encode(into writer: inout ProtobufWriter) {
        writer.message(field: 1) { description.encode(into: &$0) }
        writer.string(state, limit: Limits.nameBytes, field: 2)
        writer.unsigned(silentMilliseconds, field: 3)
        writer.unsigned(stateMilliseconds, field: 4)
    }
}

extension ProtobufReader {
    mutating func member() throws(ProtobufError) -> MembersAnswer.Member {
        var nested = try message()
        var description: MemberDescription?
        var state = ""
        var (silent, holds): (UInt64, UInt64) = (0, 0)
        while let field = try nested.next() {
            switch field {
            case 1:
                var inner = try nested.message()
                description = try MemberDescription(decoding: &inner)
            case 2: state = try nested.string(limit: Limits.nameBytes)
            case 3: silent = try nested.unsigned()
            case 4: holds = try nested.unsigned()
            default: try nested.skip()
            }
        }
        guard let description else { throw .invalidField(1) }
        return MembersAnswer.Member(description: description, state: state, silentMilliseconds: silent, stateMilliseconds: holds)
    }
}
