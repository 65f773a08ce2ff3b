import FluxonCore
import HeapModule

/// When each owner is to be judged next, without a look at those for whom nothing is due. O(log owners).
///
///     schedule ─▶ scheduled ──an earlier time──▶ scheduled (what stands in the heap for the later one is stale, and skipped)
///                     └──due──▶ taken; the caller judges the owner and schedules what is true by then
///
/// A time that has moved on since may wake once for nothing.
struct OwnerTimers: Sendable {
    private struct Entry: Comparable, Sendable {
        let due: BootInstant
        let owner: OwnerID

        static func < (left: Entry, right: Entry) -> Bool { (left.due, left.owner.number) < (right.due, right.owner.number) }
    }

    private var heap: Heap<Entry> = []
    /// By `OwnerID.place`: what counts of the heap's entries; the end of time for nothing.
    private var scheduled: [BootInstant] = []

    private static let never = BootInstant(nanoseconds: .max)

    /// The earliest time of all; the end of time when there is none.
    var first: BootInstant { heap.min?.due ?? Self.never }

    /// Keeps the earlier of this time and the one that is scheduled already.
    mutating func schedule(_ owner: OwnerID, at due: BootInstant) {
        while scheduled.count <= owner.place { scheduled.append(Self.never) }
        guard due < scheduled[owner.place] else { return }
        scheduled[owner.place] = due
        heap.insert(Entry(due: due, owner: owner))
    }

    /// The next owner whose time has passed; it has none from here on.
    mutating func takeDue(now: BootInstant) -> OwnerID? {
        while let entry = heap.min, entry.due < now {
            heap.removeMin()
            guard scheduled[entry.owner.place] == entry.due else { continue }
            scheduled[entry.owner.place] = Self.never
            return entry.owner
        }
        return nil
    }
}
