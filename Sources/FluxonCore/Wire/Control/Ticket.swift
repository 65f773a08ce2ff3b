/// Asks the holder of a copy for leave to read it (CONSISTENCY M1, M6): only a holder can pin.
package struct TicketRequest: Hashable, Sendable {
    package var key: Key
    package var version: Version
    package var asker: InstanceKey
    /// The asker's life: a ticket is for this one alone.
    package var generation: Generation
    /// Not for a copy of the asked owner: for bytes that it is to read from another one first.
    package var relayed: RelayedRange?

    package init(key: Key, version: Version, asker: InstanceKey, generation: Generation, relayed: RelayedRange? = nil) {
        self.key = key
        self.version = version
        self.asker = asker
        self.generation = generation
        self.relayed = relayed
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(key.bytes, field: 1)
        writer.unsigned(version.term, field: 2)
        writer.unsigned(version.sequence, field: 3)
        writer.string(asker.name, limit: Limits.nameBytes, field: 4)
        writer.unsigned(generation.number, field: 5)
        if let relayed {
            writer.unsigned(relayed.holder.number, field: 20)
            writer.unsigned(relayed.range.lowerBound, field: 21)
            writer.unsigned(relayed.range.upperBound, field: 22)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        var key: Key?
        var term: UInt64 = 0
        var sequence: UInt64 = 0
        var asker = ""
        var generation: UInt64 = 0
        var holder: UInt32 = 0
        var lower: UInt64 = 0
        var upper: UInt64 = 0
        while let field = try reader.next() {
            switch field {
            case 1: key = try? Key(try reader.bytes(limit: Limits.keyBytes))
            case 2: term = try reader.unsigned()
            case 3: sequence = try reader.unsigned()
            case 4: asker = try reader.string(limit: Limits.nameBytes)
            case 5: generation = try reader.unsigned()
            case 20: holder = try reader.unsigned32()
            case 21: lower = try reader.unsigned()
            case 22: upper = try reader.unsigned()
            default: try reader.skip()
            }
        }
        guard let key else { throw .invalidField(1) }
        self.init(
            key: key, version: Version(term: term, sequence: sequence), asker: InstanceKey(asker), generation: Generation(generation))
        guard holder != 0 else { return }
        guard lower <= upper else { throw .invalidField(22) }
        relayed = RelayedRange(holder: OwnerID(holder), range: lower..<upper)
    }
}

/// Bytes of a value that the asked owner is to read from `holder` and to hand on, for the asker cannot reach the holder.
package struct RelayedRange: Hashable, Sendable {
    package var holder: OwnerID
    /// Bytes of the value, at most `Limits.relayPieceBytes`.
    package var range: Range<UInt64>

    package init(holder: OwnerID, range: Range<UInt64>) {
        self.holder = holder
        self.range = range
    }
}

/// A holder's answer to a request for a ticket.
package enum TicketAnswer: Hashable, Sendable {
    /// The bytes are pinned under this ticket; read them at the holder's bulk address, or by RDMA at one of `rdma`, which the holder's
    /// devices have now: `host:port`, a space between two.
    case granted(ticket: [UInt8], length: UInt64, flags: UInt32, rdma: String = "")
    /// This version is not here, and will not come.
    case gone
    /// This version is on its way here; ask again, or somebody else.
    case notYet
    /// To a relayed request alone: the relay's memory for others stayed full, or its line too long, until the request's time was up.
    case busy
    /// To a relayed request alone: the relay cannot reach the holder either.
    case unreachable

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .granted(let ticket, let length, let flags, let rdma):
            writer.unsigned(1 as UInt64, field: 1)
            writer.bytes(ticket, field: 2)
            writer.unsigned(length, field: 3)
            writer.unsigned(flags, field: 4)
            writer.string(rdma, limit: Limits.rdmaAddressesBytes, field: 5)
        case .gone: writer.unsigned(2 as UInt64, field: 1)
        case .notYet: writer.unsigned(3 as UInt64, field: 1)
        case .busy: writer.unsigned(20 as UInt64, field: 1)
        case .unreachable: writer.unsigned(21 as UInt64, field: 1)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        var outcome: UInt64 = 0
        var ticket: [UInt8] = []
        var length: UInt64 = 0
        var flags: UInt32 = 0
        var rdma = ""
        while let field = try reader.next() {
            switch field {
            case 1: outcome = try reader.unsigned()
            case 2: ticket = try reader.bytes(limit: 16)
            case 3: length = try reader.unsigned()
            case 4: flags = try reader.unsigned32()
            case 5: rdma = try reader.string(limit: Limits.rdmaAddressesBytes)
            default: try reader.skip()
            }
        }
        switch outcome {
        case 1:
            guard ticket.count == 16 else { throw .invalidField(2) }
            self = .granted(ticket: ticket, length: length, flags: flags, rdma: rdma)
        case 2: self = .gone
        case 3: self = .notYet
        case 20: self = .busy
        case 21: self = .unreachable
        default: throw .invalidField(1)
        }
    }
}
