/// Slabs: runs of pages cut into equal slots of one size class and one tenant, with a reference count per slot.
struct SlabTable: Sendable {
    static let none = Int32(-1)
    /// Marks a free slot in `Slab.slots`; the low bits are the next free slot.
    private static let freeBit: UInt32 = 1 << 31
    private static let noSlot: UInt32 = freeBit - 1

    struct Slab: Sendable {
        var startPage = 0
        var classIndex = 0
        var tenant = 0
        var freeSlots = 0
        fileprivate var firstFree = noSlot
        /// Reference counts, or `freeBit` and the next free slot.
        fileprivate var slots: ContiguousArray<UInt32> = []
        /// Neighbours in the list of slabs of this class and tenant that have free slots.
        fileprivate var next = none
        fileprivate var previous = none
    }

    private var slabs: ContiguousArray<Slab> = []
    private var unused: [Int32] = []
    /// First slab with a free slot, by tenant and class.
    private var heads: ContiguousArray<ContiguousArray<Int32>> = []
    private let classCount: Int

    init(classCount: Int) { self.classCount = classCount }

    subscript(slab: Int) -> Slab { slabs[slab] }

    /// Reads one slab without copying it.
    func isLive(_ slab: Int, slot: Int) -> Bool {
        slot < slabs[slab].slots.count && slabs[slab].slots[slot] & Self.freeBit == 0
    }

    func startPage(of slab: Int) -> Int { slabs[slab].startPage }
    func classIndex(of slab: Int) -> Int { slabs[slab].classIndex }

    mutating func addTenant(_ tenant: Int) {
        while heads.count <= tenant { heads.append(ContiguousArray(repeating: Self.none, count: classCount)) }
    }

    func partial(classIndex: Int, tenant: Int) -> Int? {
        let head = heads[tenant][classIndex]
        return head == Self.none ? nil : Int(head)
    }

    /// A new slab, all slots free; its number is written into its pages by the caller.
    mutating func make(startPage: Int, classIndex: Int, slots: Int, tenant: Int) -> Int {
        var slab = Slab(startPage: startPage, classIndex: classIndex, tenant: tenant, freeSlots: slots, firstFree: 0)
        slab.slots.reserveCapacity(slots)
        for slot in 0..<slots { slab.slots.append(Self.freeBit | (slot + 1 < slots ? UInt32(slot + 1) : Self.noSlot)) }
        let number: Int
        if let reused = unused.popLast() {
            number = Int(reused)
            slabs[number] = slab
        } else {
            number = slabs.count
            slabs.append(slab)
        }
        link(number)
        return number
    }

    /// Takes a free slot of a slab that has one; its count becomes 1.
    mutating func takeSlot(of slab: Int) -> Int {
        let slot = Int(slabs[slab].firstFree)
        slabs[slab].firstFree = slabs[slab].slots[slot] & ~Self.freeBit
        slabs[slab].slots[slot] = 1
        slabs[slab].freeSlots -= 1
        if slabs[slab].freeSlots == 0 { unlink(slab) }
        return slot
    }

    /// Adds to a live slot's count and returns the new one; at zero the slot is free.
    mutating func count(_ slab: Int, slot: Int, add difference: Int) -> Int {
        let new = Int(slabs[slab].slots[slot]) + difference
        guard new == 0 else {
            slabs[slab].slots[slot] = UInt32(new)
            return new
        }
        slabs[slab].slots[slot] = Self.freeBit | slabs[slab].firstFree
        slabs[slab].firstFree = UInt32(slot)
        slabs[slab].freeSlots += 1
        if slabs[slab].freeSlots == 1 { link(slab) }
        return 0
    }

    func isEmpty(_ slab: Int) -> Bool { slabs[slab].freeSlots == slabs[slab].slots.count }

    /// Forgets an empty slab.
    mutating func remove(_ slab: Int) {
        unlink(slab)
        slabs[slab] = Slab()
        unused.append(Int32(slab))
    }

    /// All slabs of `old` belong to `new` from now on. O(slabs).
    mutating func move(from old: Int, to new: Int) {
        for number in slabs.indices where !slabs[number].slots.isEmpty && slabs[number].tenant == old {
            let isListed = slabs[number].freeSlots > 0
            if isListed { unlink(number) }
            slabs[number].tenant = new
            if isListed { link(number) }
        }
    }

    private mutating func link(_ slab: Int) {
        let (tenant, classIndex) = (slabs[slab].tenant, slabs[slab].classIndex)
        let head = heads[tenant][classIndex]
        slabs[slab].next = head
        slabs[slab].previous = Self.none
        if head != Self.none { slabs[Int(head)].previous = Int32(slab) }
        heads[tenant][classIndex] = Int32(slab)
    }

    private mutating func unlink(_ slab: Int) {
        let (next, previous) = (slabs[slab].next, slabs[slab].previous)
        if previous == Self.none {
            heads[slabs[slab].tenant][slabs[slab].classIndex] = next
        } else {
            slabs[Int(previous)].next = next
        }
        if next != Self.none { slabs[Int(next)].previous = previous }
        slabs[slab].next = Self.none
        slabs[slab].previous = Self.none
    }
}
