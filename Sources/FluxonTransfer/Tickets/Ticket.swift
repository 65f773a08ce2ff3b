package import FluxonCore

/// The right to read one range of one version from one owner, once (DESIGN §7). Whoever knows the 128 bits and is the asker they
/// were made for may redeem them; nobody can guess them.
package struct Ticket: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// As `TicketAnswer` carries it. Nil unless there are 16 bytes.
    package init?(bytes: [UInt8]) {
        var input = ByteInput(bytes)
        guard bytes.count == 16, let high: UInt64 = input.next(), let low: UInt64 = input.next() else { return nil }
        self.init(high: high, low: low)
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: high)
        bytes.append(littleEndian: low)
        return bytes
    }

    /// A new ticket. `SystemRandomNumberGenerator` is `getrandom(2)` on Linux; a simulation passes its own.
    package init(using generator: inout some RandomNumberGenerator) {
        self.init(high: generator.next(), low: generator.next())
    }
}

extension Ticket: CustomStringConvertible {
    /// Enough to find it in two logs, too little to use it.
    package var description: String { "ticket …\(String(UInt16(truncatingIfNeeded: low), radix: 16))" }
}

/// Who a ticket is for: one life of one owner.
package struct Asker: Hashable, Sendable, CustomStringConvertible {
    package let instance: InstanceKey
    package let generation: Generation

    package init(instance: InstanceKey, generation: Generation) {
        self.instance = instance
        self.generation = generation
    }

    package var description: String { "\(instance)/\(generation)" }
}

/// One way from an asker to this owner that can be closed: a TCP connection, later a queue pair. Never reused.
package struct PathID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let number: UInt64

    package init(_ number: UInt64) { self.number = number }
    package var description: String { "path \(number)" }
    package static func < (left: PathID, right: PathID) -> Bool { left.number < right.number }
}

/// What an asker wants under a ticket.
package struct TicketClaim: Hashable, Sendable {
    package let ticket: Ticket
    package let asker: Asker
    package let version: Version
    /// Bytes of the value.
    package let range: Range<UInt64>

    package init(ticket: Ticket, asker: Asker, version: Version, range: Range<UInt64>) {
        self.ticket = ticket
        self.asker = asker
        self.version = version
        self.range = range
    }
}

/// Why a claim is not served. None of these consumes the ticket.
package enum TicketRefusal: Error, Hashable, Sendable {
    /// No such ticket: never issued, revoked, done, or its path closed.
    case unknown
    /// Issued for somebody else.
    case notTheAsker
    /// Issued for another version of the key.
    case otherVersion
    /// The claim leaves the range that the ticket is for.
    case outOfRange(allowed: Range<UInt64>)
    /// Redeemed before, on this or another path.
    case used
}
