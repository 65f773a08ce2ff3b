/// The first message on a member's stream to the master: who joins which cluster. An owner's frames follow on the same stream,
/// an external only keeps it open.
package struct JoinRequest: Hashable, Sendable {
    package var protocolVersion = ProtocolVersion.current
    package var clusterName: String
    package var member: MemberDescription
    /// The generation whose pool this process has fenced (CONSISTENCY R1); nil without an old pool file.
    package var fencedGeneration: Generation?
    /// The session that this process would go on with, after a broken connection; nil for a new one.
    package var resumedSession: UInt64?
    /// The highest term that this process has obeyed (CONSISTENCY L1).
    package var highestTerm: UInt64 = 0

    package init(clusterName: String, member: MemberDescription) {
        self.clusterName = clusterName
        self.member = member
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.unsigned(UInt64(clamping: protocolVersion), field: 1)
        writer.string(clusterName, field: 2)
        writer.message(field: 3) { member.encode(into: &$0) }
        writer.unsigned(fencedGeneration?.number ?? 0, field: 4)
        writer.unsigned(resumedSession ?? 0, field: 5)
        writer.unsigned(highestTerm, field: 6)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        var member: MemberDescription?
        var protocolVersion = 0
        var clusterName = ""
        var fenced: UInt64 = 0
        var resumed: UInt64 = 0
        var highestTerm: UInt64 = 0
        while let field = try reader.next() {
            switch field {
            case 1: protocolVersion = try reader.count()
            case 2: clusterName = try reader.string(limit: Limits.nameBytes)
            case 3:
                var nested = try reader.message()
                member = try MemberDescription(decoding: &nested)
            case 4: fenced = try reader.unsigned()
            case 5: resumed = try reader.unsigned()
            case 6: highestTerm = try reader.unsigned()
            default: try reader.skip()
            }
        }
        guard let member else { throw .invalidField(3) }
        self.init(clusterName: clusterName, member: member)
        self.protocolVersion = protocolVersion
        fencedGeneration = fenced == 0 ? nil : Generation(fenced)
        resumedSession = resumed == 0 ? nil : resumed
        self.highestTerm = highestTerm
    }
}

/// The master's answer to a join: under which generation and session, in which term. A refusal is the stream's status.
package struct JoinAnswer: Hashable, Sendable {
    package var protocolVersion = ProtocolVersion.current
    package var term: UInt64
    package var generation: Generation
    /// 0 for members without a link (externals).
    package var session: UInt64
    /// The session that the member asked to resume goes on; else the member reports its inventory.
    package var isResumed: Bool

    package init(term: UInt64, generation: Generation, session: UInt64, isResumed: Bool) {
        self.term = term
        self.generation = generation
        self.session = session
        self.isResumed = isResumed
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.unsigned(UInt64(clamping: protocolVersion), field: 1)
        writer.unsigned(term, field: 2)
        writer.unsigned(generation.number, field: 3)
        writer.unsigned(session, field: 4)
        writer.boolean(isResumed, field: 5)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(term: 0, generation: Generation(0), session: 0, isResumed: false)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: protocolVersion = try reader.count()
            case 2: term = try reader.unsigned()
            case 3: generation = Generation(try reader.unsigned())
            case 4: session = try reader.unsigned()
            case 5: isResumed = try reader.boolean()
            default: try reader.skip()
            }
        }
        guard term != 0 else { throw .invalidField(2) }
    }
}
