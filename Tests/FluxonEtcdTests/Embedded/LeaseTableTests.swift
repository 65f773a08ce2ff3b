import FluxonCore
import FluxonEtcd
import FluxonEtcdEmbedded
import Testing

@Suite struct LeaseTableTests {
    let start = BootInstant(nanoseconds: 1_000_000_000)
    var table = LeaseTable()

    private mutating func grant(_ id: Int64, ttl: Int64) throws {
        table.insert(try table.proposal(id: id, ttl: ttl, now: start, unused: { 77 }))
    }

    @Test(
        "a lease lives exactly as long as its TTL",
        arguments: [(elapsed: Duration.milliseconds(9_999), expired: [] as [Int64]), (elapsed: .seconds(10), expired: [5])])
    mutating func expiry(elapsed: Duration, expired: [Int64]) throws {
        try grant(5, ttl: 10)
        #expect(table.expired(now: start.advanced(by: elapsed)) == expired)
    }

    @Test("keep-alive gives the full TTL again; of an ended or unknown lease it gives nothing")
    mutating func keepAlive() throws {
        try grant(5, ttl: 10)
        #expect(table.keepAlive(5, now: start.advanced(by: .seconds(9)))?.ttl == 10)
        #expect(table.remaining(5, now: start.advanced(by: .seconds(10))) == 9)
        #expect(table.keepAlive(5, now: start.advanced(by: .seconds(19))) == nil)
        #expect(table.keepAlive(6, now: start) == nil)
    }

    @Test("id 0 lets the table choose one that is not taken")
    mutating func chosenID() throws {
        try grant(77, ttl: 10)
        var offers: [Int64] = [77, 0, 78]
        let lease = try table.proposal(id: 0, ttl: 10, now: start, unused: { offers.removeFirst() })
        #expect(lease.id == 78)
    }

    @Test("refused: an id that is taken, a TTL beyond etcd's limit; a TTL below the shortest is raised")
    mutating func refusals() throws {
        try grant(5, ttl: 10)
        #expect(throws: EtcdFault.leaseExists) { try table.proposal(id: 5, ttl: 1, now: start, unused: { 1 }) }
        #expect(throws: EtcdFault.leaseTTLTooLarge) { try table.proposal(id: 6, ttl: 9_000_000_001, now: start, unused: { 1 }) }
        #expect(try table.proposal(id: 6, ttl: -4, now: start, unused: { 1 }).ttl == LeaseTable.shortestTTL)
    }

    @Test("a restored lease has its full time from the restart on")
    mutating func restore() {
        table.restore(id: 9, ttl: 5, now: start.advanced(by: .seconds(100)))
        #expect(table.nextDeadline == start.advanced(by: .seconds(105)))
    }
}
