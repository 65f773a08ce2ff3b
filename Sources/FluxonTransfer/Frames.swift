package import FluxonCore

/// The bytes before the bulk bytes, little endian. One connection carries: greeting, then request, response, request, response, …
/// A side that reads anything else closes the connection.
package enum Frames {
    /// Protocol of bulk transfers over TCP. A source answers `versionMismatch` to any other.
    package static let version: UInt16 = 1
    package static let greetingHeadBytes = 24
    package static let requestBytes = 56
    package static let responseBytes = 16
    /// CRC32C after each chunk.
    package static let trailerBytes = 4

    static let greetingMagic: UInt32 = 0x3154_5846  // FXT1
    static let requestMagic: UInt32 = 0x5152_5846  // FXRQ
    static let responseMagic: UInt32 = 0x5352_5846  // FXRS
}

/// What a frame breaks.
package enum FrameError: Error, Hashable, Sendable {
    case wrongMagic(UInt32)
    case nameTooLong(byteCount: Int)
    case nameNotText
    case chunkOutOfRange(Int)
    case rangeTooLong
    case unknownStatus(UInt16)
    case reservedBits
}

/// First bytes of a connection: who asks, of which cluster.
package struct Greeting: Hashable, Sendable {
    package let version: UInt16
    package let cluster: String
    package let asker: Asker

    package init(version: UInt16 = Frames.version, cluster: String, asker: Asker) {
        self.version = version
        self.cluster = cluster
        self.asker = asker
    }

    /// Names longer than `Limits.nameBytes` are refused where configurations are read.
    package func encoded() -> [UInt8] {
        [UInt8](byteLimit: Frames.greetingHeadBytes + 2 * Limits.nameBytes) { write(to: &$0) }
    }

    func write(to output: inout OutputRawSpan) {
        let cluster = cluster.utf8.prefix(Limits.nameBytes)
        let instance = asker.instance.name.utf8.prefix(Limits.nameBytes)
        output.append(littleEndian: Frames.greetingMagic)
        output.append(littleEndian: version)
        output.append(littleEndian: UInt16(cluster.count))
        output.append(littleEndian: UInt16(instance.count))
        output.append(littleEndian: UInt16(0))
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: asker.generation.number)
        for byte in cluster { output.append(byte) }
        for byte in instance { output.append(byte) }
    }

    /// Nil when more bytes are needed. A greeting of another protocol version is read only as far as its version.
    package static func decode(_ input: inout ByteInput) throws(FrameError) -> Greeting? {
        var ahead = input
        guard let magic: UInt32 = ahead.next() else { return nil }
        guard magic == Frames.greetingMagic else { throw .wrongMagic(magic) }
        guard let version: UInt16 = ahead.next() else { return nil }
        guard version == Frames.version else {
            return Greeting(version: version, cluster: "", asker: Asker(instance: InstanceKey(""), generation: Generation(0)))
        }
        guard let clusterBytes: UInt16 = ahead.next(), let instanceBytes: UInt16 = ahead.next() else { return nil }
        for count in [clusterBytes, instanceBytes] where count > Limits.nameBytes { throw .nameTooLong(byteCount: Int(count)) }
        guard let reserved: UInt16 = ahead.next(), let more: UInt32 = ahead.next() else { return nil }
        guard reserved == 0, more == 0 else { throw .reservedBits }
        guard let generation: UInt64 = ahead.next(), let cluster = ahead.next(count: Int(clusterBytes)),
            let instance = ahead.next(count: Int(instanceBytes))
        else { return nil }
        guard let cluster = String(validating: cluster, as: UTF8.self), let instance = String(validating: instance, as: UTF8.self) else {
            throw .nameNotText
        }
        input = ahead
        return Greeting(
            version: version, cluster: cluster, asker: Asker(instance: InstanceKey(instance), generation: Generation(generation)))
    }
}

/// Asks for one range under one ticket.
package struct RangeRequest: Hashable, Sendable {
    package let ticket: Ticket
    package let version: Version
    package let range: Range<UInt64>
    /// Bytes under one checksum, as the asker wants them.
    package let chunkBytes: Int

    package init(ticket: Ticket, version: Version, range: Range<UInt64>, chunkBytes: Int) {
        self.ticket = ticket
        self.version = version
        self.range = range
        self.chunkBytes = chunkBytes
    }

    package func encoded() -> [UInt8] { [UInt8](byteLimit: Frames.requestBytes) { write(to: &$0) } }

    func write(to output: inout OutputRawSpan) {
        output.append(littleEndian: Frames.requestMagic)
        output.append(littleEndian: UInt32(clamping: chunkBytes))
        output.append(littleEndian: ticket.high)
        output.append(littleEndian: ticket.low)
        output.append(littleEndian: version.term)
        output.append(littleEndian: version.sequence)
        output.append(littleEndian: range.lowerBound)
        output.append(littleEndian: range.byteCount)
    }

    /// Nil when more bytes are needed.
    package static func decode(_ input: inout ByteInput) throws(FrameError) -> RangeRequest? {
        var ahead = input
        guard let magic: UInt32 = ahead.next() else { return nil }
        guard magic == Frames.requestMagic else { throw .wrongMagic(magic) }
        guard let chunk: UInt32 = ahead.next() else { return nil }
        guard TransferLimits.chunkRange.contains(Int(chunk)), chunk.nonzeroBitCount == 1 else { throw .chunkOutOfRange(Int(chunk)) }
        guard let high: UInt64 = ahead.next(), let low: UInt64 = ahead.next(), let term: UInt64 = ahead.next(),
            let sequence: UInt64 = ahead.next(), let offset: UInt64 = ahead.next(), let length: UInt64 = ahead.next()
        else { return nil }
        // Half of the address space is more than any pool has, and keeps every later sum from overflowing.
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard !overflow, end <= UInt64(Int.max / 2) else { throw .rangeTooLong }
        input = ahead
        return RangeRequest(
            ticket: Ticket(high: high, low: low), version: Version(term: term, sequence: sequence), range: offset..<end,
            chunkBytes: Int(chunk))
    }
}

/// Comes before the chunks, or instead of them.
package struct ResponseHead: Hashable, Sendable {
    package enum Status: UInt16, Sendable, CaseIterable {
        case ok = 0
        case gone = 1
        case notYet = 2
        case refused = 3
        case clusterMismatch = 4
        case versionMismatch = 5
        /// The source's bytes are not in memory that its RDMA device knows.
        case notRegistered = 6
    }

    package let status: Status
    /// Bytes of the value that follow; 0 unless `ok`.
    package let length: UInt64

    package init(status: Status, length: UInt64 = 0) {
        self.status = status
        self.length = length
    }

    package func encoded() -> [UInt8] { [UInt8](byteLimit: Frames.responseBytes) { write(to: &$0) } }

    func write(to output: inout OutputRawSpan) {
        output.append(littleEndian: Frames.responseMagic)
        output.append(littleEndian: status.rawValue)
        output.append(littleEndian: UInt16(0))
        output.append(littleEndian: length)
    }

    /// Nil when more bytes are needed.
    package static func decode(_ input: inout ByteInput) throws(FrameError) -> ResponseHead? {
        var ahead = input
        guard let magic: UInt32 = ahead.next() else { return nil }
        guard magic == Frames.responseMagic else { throw .wrongMagic(magic) }
        guard let raw: UInt16 = ahead.next(), let reserved: UInt16 = ahead.next(), let length: UInt64 = ahead.next() else { return nil }
        guard let status = Status(rawValue: raw) else { throw .unknownStatus(raw) }
        guard reserved == 0 else { throw .reservedBits }
        input = ahead
        return ResponseHead(status: status, length: length)
    }
}

extension ResponseHead.Status {
    /// Why a source does not give what was asked for; nil: it does.
    var reason: TransferError.Reason? {
        switch self {
        case .ok: nil
        case .gone: .gone
        case .notYet: .notYet
        case .refused: .refused
        case .clusterMismatch: .clusterMismatch
        case .versionMismatch: .versionMismatch(ours: Frames.version)
        case .notRegistered: .notRegistered
        }
    }
}
