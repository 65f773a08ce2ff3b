/// What a person asks of a master whose etcd does not know what its owners have seen (`fluxon recover`, decision 0040).
package struct RecoveryRequest: Hashable, Sendable {
    /// False: only say what would be kept.
    package var isConfirmed = false
    /// Owners that are missing and will not come back.
    package var lost: UInt64 = 0

    package init() {}

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.boolean(isConfirmed, field: 1)
        writer.unsigned(lost, field: 2)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: isConfirmed = try reader.boolean()
            case 2: lost = try reader.unsigned()
            default: try reader.skip()
            }
        }
    }
}

package struct RecoveryAnswer: Hashable, Sendable {
    package struct Owner: Hashable, Sendable {
        package var instance: InstanceKey
        /// Else it missed the last change of the roster: it may have been bypassed, and what it has is not believed.
        package var isKept: Bool

        package init(instance: InstanceKey, isKept: Bool) {
            self.instance = instance
            self.isKept = isKept
        }
    }

    /// Those that the master's etcd does not know, by name. Empty: nothing is to be recovered.
    package var owners: [Owner] = []
    /// Owners that had a part in the last state that anybody knows of, and are not here.
    package var missing: UInt64 = 0
    package var isDone = false

    package init() {}

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.list(owners, limit: Limits.owners, field: 1) { owner, writer in
            writer.string(owner.instance.name, limit: Limits.nameBytes, field: 1)
            writer.boolean(owner.isKept, field: 2)
        }
        writer.unsigned(missing, field: 2)
        writer.boolean(isDone, field: 3)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1:
                guard owners.count < Limits.owners else { throw .tooMany(field: 1, limit: Limits.owners) }
                owners.append(try reader.recoveredOwner())
            case 2: missing = try reader.unsigned()
            case 3: isDone = try reader.boolean()
            default: try reader.skip()
            }
        }
    }
}

extension ProtobufReader {
    fileprivate mutating func recoveredOwner() throws(ProtobufError) -> RecoveryAnswer.Owner {
        var nested = try message()
        var owner = RecoveryAnswer.Owner(instance: InstanceKey(""), isKept: false)
        while let field = try nested.next() {
            switch field {
            case 1: owner.instance = InstanceKey(try nested.string(limit: Limits.nameBytes))
            case 2: owner.isKept = try nested.boolean()
            default: try nested.skip()
            }
        }
        return owner
    }
}
