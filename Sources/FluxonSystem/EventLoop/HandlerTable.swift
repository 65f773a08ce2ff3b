/// Who is told of a descriptor's readiness. A tag names one registration and is not given again soon: a report that the kernel
/// made for a descriptor that is watched no more finds nobody.
struct HandlerTable {
    typealias Handler = (Readiness) -> Void

    private struct Slot {
        var generation: UInt32
        var handler: Handler?
    }

    private var slots: [Slot] = []
    private var free: [Int] = []

    /// The upper half is the generation, below 2³¹: the loop's own tags are above all of these.
    mutating func add(_ handler: @escaping Handler) -> UInt64 {
        let index = free.popLast() ?? slots.count
        if index == slots.count { slots.append(Slot(generation: 0, handler: nil)) }
        slots[index].generation = (slots[index].generation + 1) & 0x7fff_ffff
        slots[index].handler = handler
        return UInt64(slots[index].generation) << 32 | UInt64(index)
    }

    func handler(of tag: UInt64) -> Handler? { index(of: tag).flatMap { slots[$0].handler } }

    /// - Returns: False when it was removed before.
    @discardableResult
    mutating func remove(_ tag: UInt64) -> Bool {
        guard let index = index(of: tag), slots[index].handler != nil else { return false }
        slots[index].handler = nil
        free.append(index)
        return true
    }

    private func index(of tag: UInt64) -> Int? {
        let index = Int(truncatingIfNeeded: tag & 0xffff_ffff)
        guard slots.indices.contains(index), UInt64(slots[index].generation) == tag >> 32 else { return nil }
        return index
    }
}
