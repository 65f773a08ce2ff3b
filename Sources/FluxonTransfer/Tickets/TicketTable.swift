package import FluxonCore

/// The tickets that an owner has given out, and what each pins. Rules only: no clock, no memory, no random numbers.
///
///     issued ──redeem──▶ reading ──done, or its path closed──▶ (gone; the source is handed back)
///        └──revoked──────────────────────────────────────────────▲
///
/// A source is handed back exactly once, and not while anybody could read it under the ticket (CONSISTENCY M6): a ticket being
/// read ends only with the asker's word or its path's end. One that nobody redeemed has no path: taking it from the table
/// closes it, whenever that happens.
package struct TicketTable<Source> {
    private enum State {
        case issued(at: BootInstant)
        case reading(PathID)
    }

    private struct Entry {
        let order: UInt64
        let asker: Asker
        let version: Version
        let range: Range<UInt64>
        let source: Source
        var state: State
    }

    private var entries: [Ticket: Entry] = [:]
    private var countByAsker: [Asker: Int] = [:]
    private var nextOrder: UInt64 = 0
    private let limitPerAsker: Int

    /// - Parameter limitPerAsker: Most tickets that one asker may hold; what a broken peer can pin.
    package init(limitPerAsker: Int) { self.limitPerAsker = limitPerAsker }

    package var count: Int { entries.count }

    /// When the oldest of the tickets that nobody has redeemed was issued. O(tickets).
    package var oldestUnused: BootInstant? {
        entries.values.lazy.compactMap { entry in
            if case .issued(let instant) = entry.state { instant } else { nil }
        }.min()
    }

    /// - Parameter range: The bytes of the value that `source` holds.
    /// - Throws: `.tooManyTickets` when the asker holds its limit; the source then stays the caller's.
    package mutating func issue(
        _ ticket: Ticket, to asker: Asker, version: Version, range: Range<UInt64>, source: Source, now: BootInstant
    ) throws(TicketIssueError) {
        guard entries[ticket] == nil else { throw .duplicate }
        let held = countByAsker[asker, default: 0]
        guard held < limitPerAsker else { throw .tooManyTickets(held: held, limit: limitPerAsker) }
        countByAsker[asker] = held + 1
        entries[ticket] = Entry(
            order: nextOrder, asker: asker, version: version, range: range, source: source, state: .issued(at: now))
        nextOrder += 1
    }

    /// Binds the ticket to the path on which it was shown.
    ///
    /// - Returns: The source and the range that it holds, of which the claim's is a part.
    package mutating func redeem(_ claim: TicketClaim, on path: PathID) throws(TicketRefusal) -> (source: Source, holds: Range<UInt64>) {
        guard var entry = entries[claim.ticket] else { throw .unknown }
        guard entry.asker == claim.asker else { throw .notTheAsker }
        guard entry.version == claim.version else { throw .otherVersion }
        guard entry.range.lowerBound <= claim.range.lowerBound, claim.range.upperBound <= entry.range.upperBound else {
            throw .outOfRange(allowed: entry.range)
        }
        guard case .issued = entry.state else { throw .used }
        entry.state = .reading(path)
        entries[claim.ticket] = entry
        return (entry.source, entry.range)
    }

    /// The asker has what it wanted, or the last byte has left the source. Nil when the ticket ended before.
    package mutating func done(_ ticket: Ticket) -> Source? {
        guard case .reading = entries[ticket]?.state else { return nil }
        return remove(ticket)
    }

    /// Nothing can be read over `path` any more. Sources in the order of their tickets' issue.
    package mutating func pathClosed(_ path: PathID) -> [Source] {
        removeAll { entry in
            if case .reading(path) = entry.state { true } else { false }
        }
    }

    /// Takes back a ticket that nobody redeemed. Nil when it is being read or has ended.
    package mutating func revoke(_ ticket: Ticket) -> Source? {
        guard case .issued = entries[ticket]?.state else { return nil }
        return remove(ticket)
    }

    /// Takes back what `asker` never redeemed: its session is over.
    package mutating func revokeAll(of asker: Asker) -> [Source] {
        removeAll { entry in
            if case .issued = entry.state { entry.asker == asker } else { false }
        }
    }

    /// Takes back what was issued until `instant`, itself included, and never redeemed: its asker went another way.
    package mutating func revokeAll(issuedUntil instant: BootInstant) -> [Source] {
        removeAll { entry in
            if case .issued(let issued) = entry.state { issued <= instant } else { false }
        }
    }

    private mutating func remove(_ ticket: Ticket) -> Source? {
        guard let entry = entries.removeValue(forKey: ticket) else { return nil }
        if let held = countByAsker[entry.asker], held > 1 {
            countByAsker[entry.asker] = held - 1
        } else {
            countByAsker[entry.asker] = nil
        }
        return entry.source
    }

    private mutating func removeAll(where matches: (Entry) -> Bool) -> [Source] {
        let found = entries.filter { matches($0.value) }.sorted { $0.value.order < $1.value.order }
        return found.compactMap { remove($0.key) }
    }
}

/// Why a ticket was not issued.
package enum TicketIssueError: Error, Hashable, Sendable {
    case tooManyTickets(held: Int, limit: Int)
    /// These 128 bits are in use: the generator is not random.
    case duplicate
}
