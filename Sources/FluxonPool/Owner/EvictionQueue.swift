/// Order of eviction: SIEVE (Zhang et al., NSDI 2024). New entries join at the head; a hand walks from the tail, spares what was
/// read since its last visit and picks the first that was not. Needs one heat byte per entry and no work at a hit.
struct EvictionQueue {
    private static let none = UInt32.max
    private struct Link {
        /// Towards the head, that is younger.
        var newer = none
        var older = none
        var isListed = false
    }

    private var links: ContiguousArray<Link> = []
    private var head = none
    private var tail = none
    private var hand = none
    private(set) var count = 0

    mutating func insert(_ entry: UInt32) {
        let index = Int(entry)
        if index >= links.count { links.append(contentsOf: repeatElement(Link(), count: index + 1 - links.count)) }
        guard !links[index].isListed else { return }
        links[index] = Link(newer: Self.none, older: head, isListed: true)
        if head != Self.none { links[Int(head)].newer = entry } else { tail = entry }
        head = entry
        count += 1
    }

    mutating func remove(_ entry: UInt32) {
        let index = Int(entry)
        guard index < links.count, links[index].isListed else { return }
        let link = links[index]
        if hand == entry { hand = link.newer }
        if link.newer != Self.none { links[Int(link.newer)].older = link.older } else { head = link.older }
        if link.older != Self.none { links[Int(link.older)].newer = link.newer } else { tail = link.newer }
        links[index] = Link()
        count -= 1
    }

    /// All entries, oldest first. O(count).
    var oldestFirst: [UInt32] {
        var entries: [UInt32] = []
        entries.reserveCapacity(count)
        var entry = tail
        while entry != Self.none {
            entries.append(entry)
            entry = links[Int(entry)].newer
        }
        return entries
    }

    /// Moves the hand to the next entry that is cold and that `accepts` lets go. When `limit` steps found only hot ones, heat counts no
    /// more: what was spared longest ago goes. Nil when as many steps again, or two rounds, found none.
    ///
    /// - Parameter takeHeat: says whether the entry was read since the last visit, and forgets it.
    mutating func next(limit: Int, takeHeat: (UInt32) -> Bool, accepts: (UInt32) -> Bool) -> UInt32? {
        for step in 0..<2 * min(limit, count) {
            if hand == Self.none { hand = tail }
            let entry = hand
            hand = links[Int(entry)].newer
            let isCold = !takeHeat(entry)
            if isCold || step >= limit, accepts(entry) { return entry }
        }
        return nil
    }
}
