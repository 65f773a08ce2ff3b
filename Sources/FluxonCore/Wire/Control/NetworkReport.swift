/// Asks an owner for the networks of the cluster, or a master for what is recorded.
package struct NetworkRequest: Hashable, Sendable {
    /// Whose network; nil: every owner's.
    package var owner: InstanceKey?
    /// Answer when settings of this revision of etcd or a later one are in force, or shortly before the call's deadline; 0: at once.
    package var awaitedRevision: UInt64 = 0
    /// Most peers that one owner's answer names.
    package var peerLimit: UInt64 = UInt64(Limits.networkPeers)
    /// Sent by the owner that gathers: the one asked answers for itself or not at all.
    package var isForwarded = false

    package init(owner: InstanceKey? = nil) { self.owner = owner }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.string(owner?.name ?? "", limit: Limits.nameBytes, field: 1)
        writer.unsigned(awaitedRevision, field: 2)
        writer.unsigned(peerLimit, field: 3)
        writer.boolean(isForwarded, field: 4)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init()
        peerLimit = 0
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1:
                let name = try reader.string(limit: Limits.nameBytes)
                owner = name.isEmpty ? nil : InstanceKey(name)
            case 2: awaitedRevision = try reader.unsigned()
            case 3: peerLimit = try reader.unsigned()
            case 4: isForwarded = try reader.boolean()
            default: try reader.skip()
            }
        }
    }
}

/// The networks of one or every owner, with what is recorded for each.
package struct NetworkReport: Hashable, Sendable {
    package struct Owner: Hashable, Sendable {
        package var name: InstanceKey
        /// Nil: it did not answer; `problem` says why.
        package var answer: NetworkAnswer?
        package var problem = ""
        /// As the master read it in etcd; nil: it has not told, or nobody can read it.
        package var recorded: NetworkSettings?
        /// Of etcd, at which `recorded` was written.
        package var recordedRevision: UInt64 = 0

        package init(name: InstanceKey) { self.name = name }

        /// What is recorded is not in force, as far as both are known.
        package var isPending: Bool {
            guard let answer, let recorded else { return false }
            return answer.settings != recorded || answer.settingsRevision < recordedRevision
        }
    }

    /// In the order of their names.
    package var owners: [Owner]
    /// Why nothing recorded is shown, with the fix; empty: it is.
    package var problem = ""

    package init(owners: [Owner]) { self.owners = owners }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.list(owners, limit: Limits.owners, field: 1) { owner, nested in
            let hasRoom = nested.bytes.count < Limits.rpcMessageBytes / 2
            nested.string(owner.name.name, limit: Limits.nameBytes, field: 1)
            if let answer = owner.answer, hasRoom { nested.message(field: 2) { answer.encode(into: &$0) } }
            let problem = hasRoom || owner.answer == nil ? owner.problem : "left out, for the report is too long; ask with its name"
            nested.string(problem, limit: hasRoom ? Limits.messageTextBytes : Limits.nameBytes, field: 3)
            if let recorded = owner.recorded { nested.element(Array(recorded.text.utf8), field: 4) }
            nested.unsigned(owner.recordedRevision, field: 5)
        }
        writer.string(problem, limit: Limits.messageTextBytes, field: 2)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(owners: [])
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1:
                guard owners.count < Limits.owners else { throw .tooMany(field: 1, limit: Limits.owners) }
                var nested = try reader.message()
                owners.append(try Self.owner(&nested))
            case 2: problem = try reader.string(limit: Limits.messageTextBytes)
            default: try reader.skip()
            }
        }
    }

    private static func owner(_ reader: inout ProtobufReader) throws(ProtobufError) -> Owner {
        var owner = Owner(name: InstanceKey(""))
        while let field = try reader.next() {
            switch field {
            case 1: owner.name = InstanceKey(try reader.string(limit: Limits.nameBytes))
            case 2:
                var nested = try reader.message()
                owner.answer = try NetworkAnswer(decoding: &nested)
            case 3: owner.problem = try reader.string(limit: Limits.messageTextBytes)
            case 4: owner.recorded = try reader.networkSettings(field: 4)
            case 5: owner.recordedRevision = try reader.unsigned()
            default: try reader.skip()
            }
        }
        guard !owner.name.name.isEmpty else { throw .invalidField(1) }
        return owner
    }
}
