import FluxonCore
import FluxonMaster
import Synchronization
import Testing

@Suite struct RosterQueueTests {
    private static func write(_ number: Int, replacing former: InstanceKey? = nil) -> RosterWrite {
        let entry = RosterEntry(owner: OwnerID(UInt32(number)), generation: Generation(1), state: .in, life: 1)
        return RosterWrite(RosterChange(owner: InstanceKey("owner-\(number)"), entry: entry, replaces: former)) { _ in }
    }

    @Test("what comes while one transaction is under way shares the next, up to the limit, in its order")
    func batches() async {
        let queue = RosterQueue()
        queue.add(Self.write(0))
        let batches = Mutex<[[String]]>([])
        await queue.drain(upTo: 100) { batch in
            let count = batches.withLock { batches in
                batches.append(batch.map(\.change.owner.name))
                return batches.count
            }
            if count == 1 { for number in 1...250 { queue.add(Self.write(number)) } }
            return count < 4
        }
        let found = batches.withLock { $0 }
        #expect(found.map(\.count) == [1, 100, 100, 50])
        #expect(found.flatMap { $0 } == (0...250).map { "owner-\($0)" })
    }

    @Test("a change that deletes another owner's entry counts twice, for it is two operations of etcd's")
    func twoEntries() async {
        let queue = RosterQueue()
        for number in 0..<3 { queue.add(Self.write(number, replacing: InstanceKey("former-\(number)"))) }
        let batches = Mutex<[Int]>([])
        await queue.drain(upTo: 5) { batch in
            batches.withLock { batches in
                batches.append(batch.count)
                return batches.count < 2
            }
        }
        #expect(batches.withLock { $0 } == [2, 1])
    }
}
