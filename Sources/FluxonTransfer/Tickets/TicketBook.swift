package import FluxonCore

/// The tickets of one owner and the memory behind them: the usual `TransferSource`. On the loop only.
package final class TicketBook: TransferSource {
    private struct Held {
        let bytes: SourceBytes
        let release: () -> Void
    }

    private var table: TicketTable<Held>
    private var generator: any RandomNumberGenerator

    package init(limits: TransferLimits, generator: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
        table = TicketTable(limitPerAsker: limits.ticketsPerAsker)
        self.generator = generator
    }

    /// Tickets that have not ended.
    package var count: Int { table.count }

    /// When the oldest of the tickets that nobody has redeemed was issued.
    package var oldestUnused: BootInstant? { table.oldestUnused }

    /// Gives out the right to read `bytes`, the part of `version` that starts at `offset`.
    ///
    /// - Parameter release: Called exactly once, when nobody can read the bytes under this ticket any more.
    /// - Throws: Then `release` is not called.
    package func issue(
        to asker: Asker, version: Version, offset: UInt64 = 0, bytes: SourceBytes, now: BootInstant, release: @escaping () -> Void
    ) throws(TicketIssueError) -> Ticket {
        let ticket = Ticket(using: &generator)
        let end = offset.addingReportingOverflow(UInt64(bytes.bytes.count))
        precondition(!end.overflow, "a value ends before 2^64")
        try table.issue(
            ticket, to: asker, version: version, range: offset..<end.partialValue, source: Held(bytes: bytes, release: release), now: now)
        return ticket
    }

    /// Takes back what `asker` never redeemed.
    package func revokeAll(of asker: Asker) { release(table.revokeAll(of: asker)) }

    /// Takes back what was issued until `instant`, itself included, and never redeemed.
    package func revokeAll(issuedUntil instant: BootInstant) { release(table.revokeAll(issuedUntil: instant)) }

    /// Takes back one ticket unless somebody reads under it.
    package func revoke(_ ticket: Ticket) { table.revoke(ticket)?.release() }

    package func redeem(_ claim: TicketClaim, on path: PathID) -> SourceAnswer {
        do throws(TicketRefusal) {
            let (held, holds) = try table.redeem(claim, on: path)
            let start = Int(claim.range.lowerBound - holds.lowerBound)
            return .bytes(SourceBytes(UnsafeRawBufferPointer(rebasing: held.bytes.bytes[start..<start + claim.range.count])))
        } catch {
            return error == .unknown ? .gone : .refused
        }
    }

    package func done(_ ticket: Ticket) { table.done(ticket)?.release() }

    package func pathClosed(_ path: PathID) { release(table.pathClosed(path)) }

    private func release(_ ended: [Held]) {
        for held in ended { held.release() }
    }
}
