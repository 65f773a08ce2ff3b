/// Asks the master for some of its keys, for `fluxon kv ls`: those that begin with `prefix`, from `position` on.
package struct KeysRequest: Hashable, Sendable {
    package var prefix: [UInt8]
    /// `KeysAnswer.next` of the page before; 0: from the start.
    package var position: UInt64

    package init(prefix: [UInt8], position: UInt64 = 0) {
        self.prefix = prefix
        self.position = position
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(prefix, field: 1)
        writer.unsigned(position, field: 2)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(prefix: [])
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: prefix = try reader.bytes(limit: Limits.keyBytes)
            case 2: position = try reader.unsigned()
            default: try reader.skip()
            }
        }
    }
}

/// One page: what a part of the master's table holds at one moment, in no order. A key that is there during all pages is in exactly one;
/// one that comes or goes meanwhile may be in none, and one that is removed and put again in two.
package struct KeysAnswer: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var key: Key
        package var byteCount: UInt64
        package var version: Version
        /// Owners that hold the value.
        package var holders: UInt32

        package init(key: Key, byteCount: UInt64, version: Version, holders: UInt32) {
            self.key = key
            self.byteCount = byteCount
            self.version = version
            self.holders = holders
        }
    }

    /// Positions are those of one term's table.
    package var term: UInt64
    package var entries: [Entry] = []
    /// Where the next page begins; nil: this was the last one. A page may be empty and not the last.
    package var next: UInt64?
    /// Every owner has told what it holds; before, keys may be missing (R7).
    package var isComplete: Bool

    package init(term: UInt64, isComplete: Bool) {
        self.term = term
        self.isComplete = isComplete
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.unsigned(term, field: 1)
        writer.list(entries, limit: Limits.keysPageEntries, field: 2) { entry, nested in
            nested.bytes(entry.key.bytes, field: 1)
            nested.unsigned(entry.byteCount, field: 2)
            nested.unsigned(entry.version.term, field: 3)
            nested.unsigned(entry.version.sequence, field: 4)
            nested.unsigned(entry.holders, field: 5)
        }
        // The first page begins at 0, no other does.
        writer.unsigned(next ?? 0, field: 3)
        writer.boolean(isComplete, field: 4)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(term: 0, isComplete: false)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: term = try reader.unsigned()
            case 2:
                guard entries.count < Limits.keysPageEntries else { throw .tooMany(field: 2, limit: Limits.keysPageEntries) }
                var nested = try reader.message()
                entries.append(try Self.entry(&nested))
            case 3:
                let position = try reader.unsigned()
                next = position == 0 ? nil : position
            case 4: isComplete = try reader.boolean()
            default: try reader.skip()
            }
        }
    }

    private static func entry(_ reader: inout ProtobufReader) throws(ProtobufError) -> Entry {
        var key: Key?
        var byteCount: UInt64 = 0
        var (term, sequence): (UInt64, UInt64) = (0, 0)
        var holders: UInt32 = 0
        while let field = try reader.next() {
            switch field {
            case 1: key = try? Key(try reader.bytes(limit: Limits.keyBytes))
            case 2: byteCount = try reader.unsigned()
            case 3: term = try reader.unsigned()
            case 4: sequence = try reader.unsigned()
            case 5: holders = try reader.unsigned32()
            default: try reader.skip()
            }
        }
        guard let key else { throw .invalidField(1) }
        return Entry(key: key, byteCount: byteCount, version: Version(term: term, sequence: sequence), holders: holders)
    }
}
