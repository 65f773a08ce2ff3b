import FluxonCore
import Testing

@testable import FluxonMaster

/// Who carries values between two owners that cannot reach each other.
@Suite struct ReachabilityTableTests {
    private var table = ReachabilityTable()
    private let asker = OwnerID(1)
    private let holder = OwnerID(2)

    /// Owners 1 to 6; only 3 to 6 are relays.
    init() {
        for number in 1...6 as ClosedRange<UInt32> { table.joined(OwnerID(number), Self.hello(isRelay: number > 2)) }
        table.reported(asker, cannotReach: [holder])
    }

    private static func hello(isRelay: Bool = true, group: String = "", reads: Bool = true) -> LinkHello {
        var hello = LinkHello(cluster: "c", instance: InstanceKey("o"), life: 1)
        hello.readsThroughRelays = reads
        hello.isRelay = isRelay
        hello.subCluster = group
        return hello
    }

    private mutating func relay(active: Set<UInt32> = [1, 2, 3, 4, 5, 6]) -> UInt32? {
        table.relay(from: holder, to: asker) { active.contains($0.number) }?.number
    }

    @Test("a pair keeps its relay; when that goes, the lowest of those that can is next, and in the end nobody")
    mutating func lowestFirst() {
        #expect(relay() == 3)
        #expect(relay(active: [1, 2, 4, 5]) == 4)
        #expect(relay() == 4, "the pair keeps the one it has")
        table.left(OwnerID(4))
        #expect(relay() == 3)
        #expect(relay(active: [1, 2]) == nil)
        #expect(table.relayedPairs == 0)
    }

    @Test("no relay is one that the asker cannot reach, that cannot reach the holder, or that does not offer itself")
    mutating func mustReachBoth() {
        table.reported(asker, cannotReach: [holder, OwnerID(3)])
        table.reported(OwnerID(4), cannotReach: [holder])
        table.joined(OwnerID(5), Self.hello(isRelay: false))
        #expect(relay() == 6)
        table.reported(OwnerID(6), cannotReach: [holder])
        #expect(relay() == nil)
        table.reported(OwnerID(4), cannotReach: [])
        #expect(relay() == 4)
    }

    @Test("relays with fewer pairs come first, and those of the asker's or the holder's group before them")
    mutating func spread() {
        for number in 7...9 as ClosedRange<UInt32> {
            table.joined(OwnerID(number), Self.hello(isRelay: false))
            table.reported(OwnerID(number), cannotReach: [holder])
            _ = table.relay(from: holder, to: OwnerID(number)) { _ in true }
        }
        #expect(relay() == 6, "3, 4 and 5 have a pair each")
        table.joined(holder, Self.hello(isRelay: false, group: "far"))
        table.joined(OwnerID(4), Self.hello(group: "far"))
        table.reported(asker, cannotReach: [])
        table.reported(asker, cannotReach: [holder])
        #expect(relay() == 4, "it is busier, and near")
    }

    @Test("what an owner said ends with its next word and with its session, and its pairs with it")
    mutating func ends() {
        #expect(!table.reaches(asker, holder) && table.reaches(holder, asker))
        #expect(relay() == 3)
        #expect(table.unreachablePairs == 1 && table.relayedPairs == 1)
        table.reported(asker, cannotReach: [OwnerID(5)])
        #expect(table.reaches(asker, holder) && table.relayedPairs == 0)
        table.left(asker)
        #expect(table.reachesAll(asker) && table.unreachablePairs == 0)
    }

    @Test("an owner that reads through nobody is not listened to")
    mutating func oldOwner() {
        table.joined(OwnerID(7), Self.hello(reads: false))
        table.reported(OwnerID(7), cannotReach: [holder])
        table.reported(OwnerID(8), cannotReach: [holder])
        #expect(table.reachesAll(OwnerID(7)) && table.reachesAll(OwnerID(8)))
    }
}
