import FluxonCore
import FluxonMaster
import Testing

/// What a lookup's answer says of holders that the asker cannot connect to.
@Suite struct RoutingRelayTests {
    private var cluster = ScriptedCluster(roster: [])
    private let key: Key

    /// Owner 1 has the key.
    init() throws {
        key = try Key("key")
        for number in 1...4 as ClosedRange<UInt32> { cluster.join(number, offersRelay: true) }
        _ = cluster.send(1, [.commit(.put(1, key)), .taken(operation: 1)])
    }

    private mutating func find(_ number: UInt32) -> FoundCopy? {
        let sent = cluster.send(number, [.lookup(LinkLookup(lookup: 1, key: key, wants: .copy))])[number] ?? []
        for case .found(let answer) in sent { if case .copy(let copy) = answer.content { return copy } }
        return nil
    }

    @Test("who cannot reach a holder is told of a relay in the next answer, and of none when it can again")
    mutating func tellsRelay() {
        #expect(find(2)?.relays == [:])
        _ = cluster.send(2, [.unreachable([OwnerID(1)])])
        #expect(find(2)?.relays == [OwnerID(1): OwnerID(3)])
        #expect(cluster.table.reachabilityCounts == (1, 1))
        _ = cluster.send(2, [.unreachable([])])
        #expect(find(2)?.relays == [:])
        #expect(cluster.table.reachabilityCounts == (0, 0))
    }

    @Test("holders that are reached come first, then those behind a relay, then those that nobody reaches for the asker")
    mutating func order() {
        #expect(find(2)?.holders == [OwnerID(1)] && find(3)?.holders.count == 2)
        _ = cluster.send(4, [.unreachable([OwnerID(1), OwnerID(2)])])
        _ = cluster.send(3, [.unreachable([OwnerID(1)])])
        let found = find(4)
        #expect(found?.holders == [OwnerID(3), OwnerID(2), OwnerID(1)], "\(String(describing: found))")
        #expect(found?.relays == [OwnerID(2): OwnerID(3)])
    }

    @Test("a relay that lost its connection is followed by another; what an owner said ends with its session")
    mutating func follows() {
        _ = cluster.send(2, [.unreachable([OwnerID(1)])])
        #expect(find(2)?.relays == [OwnerID(1): OwnerID(3)])
        cluster.disconnect(3)
        #expect(find(2)?.relays == [OwnerID(1): OwnerID(4)])
        cluster.connect(2, offersRelay: true)
        _ = cluster.report(2)
        #expect(find(2)?.relays == [:])
    }

    @Test("owners of before this are told nothing, and are nobody's relays; numbers that nobody has are left out")
    mutating func oldOwners() {
        var cluster = ScriptedCluster(roster: [])
        for number in 1...3 as ClosedRange<UInt32> { cluster.join(number) }
        _ = cluster.send(1, [.commit(.put(1, key)), .taken(operation: 1)])
        _ = cluster.send(2, [.unreachable([OwnerID(1), OwnerID(99), OwnerID(0)])])
        self.cluster = cluster
        #expect(find(2)?.relays == [:])
        #expect(self.cluster.table.reachabilityCounts == (0, 0))
    }
}
