import FluxonCore
import Testing

@testable import FluxonTransfer

@Suite struct TicketTableTests {
    static let asker = Asker(instance: InstanceKey("owner-b"), generation: Generation(3))
    static let version = Version(term: 7, sequence: 9)
    static let path = PathID(1)
    var table = TicketTable<String>(limitPerAsker: 3)

    static func ticket(_ number: UInt64) -> Ticket { Ticket(high: 0, low: number) }

    static func claim(
        _ number: UInt64, asker: Asker = asker, version: Version = version, range: Range<UInt64> = 0..<100
    ) -> TicketClaim {
        TicketClaim(ticket: ticket(number), asker: asker, version: version, range: range)
    }

    mutating func issue(_ number: UInt64, range: Range<UInt64> = 0..<100, at now: UInt64 = 0) throws {
        try table.issue(
            Self.ticket(number), to: Self.asker, version: Self.version, range: range, source: "extent \(number)",
            now: BootInstant(nanoseconds: now))
    }

    @Test("a ticket works once: redeemed, it is refused on every path")
    mutating func singleUse() throws {
        try issue(1)
        #expect(try table.redeem(Self.claim(1), on: Self.path).source == "extent 1")
        #expect(throws: TicketRefusal.used) { try table.redeem(Self.claim(1), on: Self.path) }
        #expect(throws: TicketRefusal.used) { try table.redeem(Self.claim(1), on: PathID(2)) }
    }

    @Test("a ticket is for its asker, its version and its range; a wrong claim does not consume it")
    mutating func bound() throws {
        try issue(1, range: 10..<110)
        let restarted = Asker(instance: Self.asker.instance, generation: Generation(4))
        let newer = Version(term: 7, sequence: 10)
        #expect(throws: TicketRefusal.notTheAsker) { try table.redeem(Self.claim(1, asker: restarted), on: Self.path) }
        #expect(throws: TicketRefusal.otherVersion) { try table.redeem(Self.claim(1, version: newer, range: 10..<20), on: Self.path) }
        for range: Range<UInt64> in [9..<110, 10..<111, 0..<200] {
            #expect(throws: TicketRefusal.outOfRange(allowed: 10..<110)) { try table.redeem(Self.claim(1, range: range), on: Self.path) }
        }
        #expect(throws: TicketRefusal.unknown) { try table.redeem(Self.claim(2), on: Self.path) }
        #expect(try table.redeem(Self.claim(1, range: 50..<60), on: Self.path).holds == 10..<110)
    }

    @Test("a source that is being read stays pinned until done or until its path is closed")
    mutating func pinnedWhileRead() throws {
        try issue(1)
        try issue(2)
        _ = try table.redeem(Self.claim(1), on: Self.path)
        _ = try table.redeem(Self.claim(2), on: Self.path)
        #expect(table.revoke(Self.ticket(1)) == nil)
        #expect(table.revokeAll(of: Self.asker).isEmpty)
        #expect(table.revokeAll(issuedUntil: BootInstant(nanoseconds: .max)).isEmpty)
        #expect(table.pathClosed(PathID(2)).isEmpty)
        #expect(table.done(Self.ticket(1)) == "extent 1")
        #expect(table.done(Self.ticket(1)) == nil, "handed back once")
        #expect(table.pathClosed(Self.path) == ["extent 2"])
        #expect(table.count == 0)
    }

    @Test("a ticket that nobody redeemed can be taken back, and is unknown afterwards")
    mutating func revoked() throws {
        try issue(1, at: 10)
        try issue(2, at: 20)
        try issue(3, at: 30)
        #expect(table.revokeAll(issuedUntil: BootInstant(nanoseconds: 19)) == ["extent 1"])
        #expect(table.revoke(Self.ticket(2)) == "extent 2")
        #expect(table.done(Self.ticket(3)) == nil, "done needs a redemption")
        #expect(table.revokeAll(of: Self.asker) == ["extent 3"])
        #expect(throws: TicketRefusal.unknown) { try table.redeem(Self.claim(1), on: Self.path) }
    }

    @Test("a ticket runs out at its age exactly, counted from the oldest that nobody redeemed")
    mutating func runsOut() throws {
        #expect(table.oldestUnused == nil)
        try issue(1, at: 30)
        try issue(2, at: 10)
        try issue(3, at: 20)
        _ = try table.redeem(Self.claim(2), on: Self.path)
        #expect(table.oldestUnused == BootInstant(nanoseconds: 20))
        #expect(table.revokeAll(issuedUntil: BootInstant(nanoseconds: 19)).isEmpty)
        #expect(table.revokeAll(issuedUntil: BootInstant(nanoseconds: 20)) == ["extent 3"])
        #expect(table.oldestUnused == BootInstant(nanoseconds: 30))
    }

    @Test("one asker holds no more tickets than the limit; an ended one makes room")
    mutating func limited() throws {
        for number in 1...3 { try issue(UInt64(number)) }
        #expect(throws: TicketIssueError.tooManyTickets(held: 3, limit: 3)) { try issue(4) }
        _ = table.revoke(Self.ticket(2))
        try issue(4)
        #expect(throws: TicketIssueError.duplicate) { try issue(4) }
    }
}
