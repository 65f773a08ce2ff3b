import Testing

@testable import FluxonPool

@Suite struct EvictionQueueTests {
    @Test("without reads the oldest goes first")
    func oldestFirst() {
        var queue = EvictionQueue()
        for entry in [5, 3, 9] as [UInt32] { queue.insert(entry) }
        var order: [UInt32] = []
        while let entry = queue.next(limit: 100, takeHeat: { _ in false }, accepts: { _ in true }) {
            order.append(entry)
            queue.remove(entry)
        }
        #expect(order == [5, 3, 9])
    }

    @Test("what was read since the hand's last visit is spared once, and keeps its place")
    func sparesTheRead() {
        var queue = EvictionQueue()
        var hot: Set<UInt32> = [1]
        for entry in 1...4 as ClosedRange<UInt32> { queue.insert(entry) }
        var order: [UInt32] = []
        while let entry = queue.next(limit: 100, takeHeat: { hot.remove($0) != nil }, accepts: { _ in true }) {
            order.append(entry)
            queue.remove(entry)
        }
        #expect(order == [2, 3, 4, 1])
    }

    @Test("an entry read again and again stays while a scan of new ones passes through")
    func scanResistance() {
        var queue = EvictionQueue()
        for entry in 0..<8 as Range<UInt32> { queue.insert(entry) }
        for new in 8..<200 as Range<UInt32> {
            let victim = queue.next(limit: 1000, takeHeat: { $0 < 4 }, accepts: { $0 >= 4 })
            if let victim { queue.remove(victim) }
            queue.insert(new)
        }
        #expect(queue.oldestFirst.prefix(4).elementsEqual([0, 1, 2, 3]))
        #expect(queue.count == 8)
    }

    @Test("when all are read all the time, one goes nevertheless")
    func allHot() {
        var queue = EvictionQueue()
        for entry in 0..<1000 as Range<UInt32> { queue.insert(entry) }
        let victim = queue.next(limit: 100, takeHeat: { _ in true }, accepts: { _ in true })
        #expect(victim == 100)
    }

    @Test("nothing that may go: nil after a bounded walk")
    func nothingAccepted() {
        var queue = EvictionQueue()
        let nobody = queue.next(limit: 10, takeHeat: { _ in false }, accepts: { _ in true })
        #expect(nobody == nil)
        for entry in 0..<100 as Range<UInt32> { queue.insert(entry) }
        var looks = 0
        let found = queue.next(limit: 30, takeHeat: { _ in false }) { _ in
            looks += 1
            return false
        }
        #expect(found == nil)
        #expect(looks == 60)
        queue.remove(500)
        queue.insert(3)
        #expect(queue.count == 100)
    }
}
