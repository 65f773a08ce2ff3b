// Codec of the link's frames: the bytes are those of proto/fluxon/v1/link.proto. Parts that both directions share.

extension ProtobufWriter {
    mutating func version(_ version: Version, field: Int) {
        message(field: field) { writer in
            writer.unsigned(version.term, field: 1)
            writer.unsigned(version.sequence, field: 2)
        }
    }

    mutating func mark(_ mark: HistoryMark, field: Int) {
        message(field: field) { writer in
            writer.unsigned(mark.term, field: 1)
            writer.unsigned(mark.writes, field: 2)
            writer.unsigned(mark.owners, field: 3)
        }
    }

    mutating func reference(_ reference: OperationReference, field: Int) {
        message(field: field) { writer in
            writer.unsigned(reference.owner.number, field: 1)
            writer.unsigned(reference.generation.number, field: 2)
            writer.unsigned(reference.number, field: 3)
        }
    }

    mutating func commit(_ commit: LinkCommit, field: Int) {
        message(field: field) { writer in
            writer.unsigned(commit.operation, field: 1)
            writer.bytes(commit.key.bytes, field: 2)
            writer.boolean(commit.kind == .remove, field: 3)
            writer.unsigned(commit.byteCount, field: 4)
            switch commit.condition {
            case .none: break
            case .absent: writer.unsigned(1 as UInt64, field: 5)
            case .present: writer.unsigned(2 as UInt64, field: 5)
            case .version(let version):
                writer.unsigned(3 as UInt64, field: 5)
                writer.version(version, field: 6)
            }
        }
    }
}

extension ProtobufReader {
    mutating func mark() throws(ProtobufError) -> HistoryMark {
        var nested = try message()
        var mark = HistoryMark(term: 0, writes: 0, owners: 0)
        while let field = try nested.next() {
            switch field {
            case 1: mark.term = try nested.unsigned()
            case 2: mark.writes = try nested.unsigned()
            case 3: mark.owners = try nested.unsigned()
            default: try nested.skip()
            }
        }
        return mark
    }

    mutating func version() throws(ProtobufError) -> Version {
        var nested = try message()
        var term: UInt64 = 0
        var sequence: UInt64 = 0
        while let field = try nested.next() {
            switch field {
            case 1: term = try nested.unsigned()
            case 2: sequence = try nested.unsigned()
            default: try nested.skip()
            }
        }
        return Version(term: term, sequence: sequence)
    }

    mutating func key() throws(ProtobufError) -> Key {
        let bytes = try bytes(limit: Limits.keyBytes)
        do { return try Key(bytes) } catch { throw .invalidField(2) }
    }

    mutating func reference() throws(ProtobufError) -> OperationReference {
        var nested = try message()
        var owner: UInt32 = 0
        var generation: UInt64 = 0
        var number: UInt64 = 0
        while let field = try nested.next() {
            switch field {
            case 1: owner = try nested.unsigned32()
            case 2: generation = try nested.unsigned()
            case 3: number = try nested.unsigned()
            default: try nested.skip()
            }
        }
        return OperationReference(owner: OwnerID(owner), generation: Generation(generation), number: number)
    }

    mutating func commit() throws(ProtobufError) -> LinkCommit {
        var nested = try message()
        var operation: UInt64 = 0
        var key: Key?
        var kind = CommitKind.put
        var byteCount: UInt64 = 0
        var conditionKind: UInt64 = 0
        var version: Version?
        while let field = try nested.next() {
            switch field {
            case 1: operation = try nested.unsigned()
            case 2: key = try nested.key()
            case 3: kind = try nested.boolean() ? .remove : .put
            case 4: byteCount = try nested.unsigned()
            case 5: conditionKind = try nested.unsigned()
            case 6: version = try nested.version()
            default: try nested.skip()
            }
        }
        guard let key else { throw .invalidField(2) }
        let condition: CommitCondition
        switch (conditionKind, version) {
        case (0, _): condition = .none
        case (1, _): condition = .absent
        case (2, _): condition = .present
        case (3, let version?): condition = .version(version)
        default: throw .invalidField(5)
        }
        return LinkCommit(operation: operation, key: key, kind: kind, byteCount: byteCount, condition: condition)
    }
}

extension ProtobufReader {
    static func owners(_ numbers: [UInt64]) throws(ProtobufError) -> [OwnerID] {
        var owners: [OwnerID] = []
        for number in numbers {
            guard let number = UInt32(exactly: number) else { throw .varintOverflow }
            owners.append(OwnerID(number))
        }
        return owners
    }

    /// A nested message of a version (field 1) and a key (field 2), both required.
    mutating func keyAndVersion() throws(ProtobufError) -> (key: Key, version: Version) {
        var nested = try message()
        var version: Version?
        var key: Key?
        while let field = try nested.next() {
            switch field {
            case 1: version = try nested.version()
            case 2: key = try nested.key()
            default: try nested.skip()
            }
        }
        guard let key, let version else { throw .invalidField(2) }
        return (key, version)
    }
}
