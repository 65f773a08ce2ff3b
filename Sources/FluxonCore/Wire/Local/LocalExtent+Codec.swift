extension ProtobufWriter {
    mutating func extent(_ extent: LocalExtent, field: Int) {
        message(field: field) { writer in
            writer.unsigned(extent.offset, field: 1)
            writer.unsigned(extent.capacity, field: 2)
        }
    }

    mutating func extents(_ extents: [LocalExtent], field: Int) {
        message(field: field) { writer in
            for extent in extents { writer.extent(extent, field: 1) }
        }
    }

    mutating func condition(_ condition: CommitCondition, field: Int) {
        switch condition {
        case .none: return
        case .absent: message(field: field) { $0.unsigned(1 as UInt64, field: 1) }
        case .present: message(field: field) { $0.unsigned(2 as UInt64, field: 1) }
        case .version(let version):
            message(field: field) { writer in
                writer.unsigned(3 as UInt64, field: 1)
                writer.version(version, field: 2)
            }
        }
    }
}

extension ProtobufReader {
    /// - Throws: `.invalidField` for an extent whose end is not a number of 64 bits.
    mutating func extent() throws(ProtobufError) -> LocalExtent {
        var extent = LocalExtent(offset: 0, capacity: 0)
        var nested = try message()
        while let field = try nested.next() {
            switch field {
            case 1: extent.offset = try nested.unsigned()
            case 2: extent.capacity = try nested.unsigned()
            default: try nested.skip()
            }
        }
        guard extent.end != nil else { throw .invalidField(2) }
        return extent
    }

    mutating func extents() throws(ProtobufError) -> [LocalExtent] {
        var extents: [LocalExtent] = []
        var nested = try message()
        while let field = try nested.next() {
            switch field {
            case 1:
                guard extents.count < Limits.localExtents else { throw .tooMany(field: 1, limit: Limits.localExtents) }
                extents.append(try nested.extent())
            default: try nested.skip()
            }
        }
        return extents
    }

    /// - Throws: `.invalidField` for a condition that this build does not know: to ignore one would be wrong.
    mutating func condition() throws(ProtobufError) -> CommitCondition {
        var kind: UInt64 = 0
        var version: Version?
        var nested = try message()
        while let field = try nested.next() {
            switch field {
            case 1: kind = try nested.unsigned()
            case 2: version = try nested.version()
            default: try nested.skip()
            }
        }
        switch (kind, version) {
        case (0, _): return .none
        case (1, _): return .absent
        case (2, _): return .present
        case (3, let version?): return .version(version)
        default: throw .invalidField(1)
        }
    }

    /// - Throws: `.tooLong`, or `.invalidField` for an empty key.
    mutating func key() throws(ProtobufError) -> [UInt8] {
        try bytes(limit: Limits.keyBytes)
    }
}
