/// Slabs: runs of pages cut into equal slots of one size class and one tenant, with a reference count per slot.
///
///     slot:   free ──take──▶ live (count ≥ 1) ──count 0──▶ free
///               └──its page is given away──▶ gone, for as long as the slab lives
struct SlabTable: Sendable {
    static let none = Int32(-1)
    /// Marks a slot that is not live in `Slab.slots`; the low bits are the next free slot, or `goneSlot`.
    private static let freeBit: UInt32 = 1 << 31
    private static let noSlot: UInt32 = freeBit - 1
    private static let goneSlot: UInt32 = freeBit - 2

    struct Slab: Sendable {
        var startPage = 0
        var pageCount = 0
        var classIndex = 0
        var tenant = 0
        var freeSlots = 0
        var liveSlots = 0
        fileprivate var firstFree = noSlot
        /// Reference counts, or `freeBit` and the next free slot.
        fileprivate var slots: ContiguousArray<UInt32> = []
        /// By slot: the entry whose bytes lie there.
        fileprivate var entries: ContiguousArray<UInt32> = []
        /// Neighbours in the list of slabs of this class and tenant that have free slots.
        fileprivate var next = none
        fileprivate var previous = none

        var pages: Range<Int> { startPage..<startPage + pageCount }
    }

    /// What a tenant has of one class.
    private struct Shelf: Sendable {
        /// First slab with a free slot.
        var head = none
        var slabs: Int32 = 0
    }

    private var slabs: ContiguousArray<Slab> = []
    private var unused: [Int32] = []
    private var shelves: ContiguousArray<ContiguousArray<Shelf>> = []
    private let classCount: Int

    init(classCount: Int) { self.classCount = classCount }

    func isLive(_ slab: Int, slot: Int) -> Bool {
        slot < slabs[slab].slots.count && slabs[slab].slots[slot] & Self.freeBit == 0
    }

    func startPage(of slab: Int) -> Int { slabs[slab].startPage }
    func pages(of slab: Int) -> Range<Int> { slabs[slab].pages }
    func classIndex(of slab: Int) -> Int { slabs[slab].classIndex }
    func tenant(of slab: Int) -> Int { slabs[slab].tenant }
    func slotCount(of slab: Int) -> Int { slabs[slab].slots.count }
    func isEmpty(_ slab: Int) -> Bool { slabs[slab].liveSlots == 0 }
    func hasFreeSlots(_ slab: Int) -> Bool { slabs[slab].freeSlots > 0 }
    func references(_ slab: Int, slot: Int) -> Int { Int(slabs[slab].slots[slot]) }
    func entry(_ slab: Int, slot: Int) -> UInt32 { slabs[slab].entries[slot] }
    mutating func setEntry(_ entry: UInt32, of slab: Int, slot: Int) { slabs[slab].entries[slot] = entry }

    /// Numbers of all slabs there are.
    var numbers: [Int] { slabs.indices.filter { slabs[$0].pageCount > 0 } }

    mutating func addTenant(_ tenant: Int) {
        while shelves.count <= tenant { shelves.append(ContiguousArray(repeating: Shelf(), count: classCount)) }
    }

    func partial(classIndex: Int, tenant: Int) -> Int? {
        let head = shelves[tenant][classIndex].head
        return head == Self.none ? nil : Int(head)
    }

    /// How many slabs of a class a tenant has: a new one is the larger for it.
    func count(classIndex: Int, tenant: Int) -> Int { Int(shelves[tenant][classIndex].slabs) }

    /// A new slab, all slots free; its number is written into its pages by the caller.
    mutating func make(pages: Range<Int>, classIndex: Int, slots: Int, tenant: Int) -> Int {
        var slab = Slab(
            startPage: pages.lowerBound, pageCount: pages.count, classIndex: classIndex, tenant: tenant, freeSlots: slots, firstFree: 0)
        slab.slots.reserveCapacity(slots)
        for slot in 0..<slots { slab.slots.append(Self.freeBit | (slot + 1 < slots ? UInt32(slot + 1) : Self.noSlot)) }
        slab.entries = ContiguousArray(repeating: 0, count: slots)
        let number: Int
        if let reused = unused.popLast() {
            number = Int(reused)
            slabs[number] = slab
        } else {
            number = slabs.count
            slabs.append(slab)
        }
        shelves[tenant][classIndex].slabs += 1
        link(number)
        return number
    }

    /// Takes a free slot of a slab that has one; its count becomes 1.
    mutating func takeSlot(of slab: Int) -> Int {
        let slot = Int(slabs[slab].firstFree)
        slabs[slab].firstFree = slabs[slab].slots[slot] & ~Self.freeBit
        slabs[slab].slots[slot] = 1
        slabs[slab].entries[slot] = 0
        slabs[slab].freeSlots -= 1
        slabs[slab].liveSlots += 1
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
        slabs[slab].liveSlots -= 1
        if slabs[slab].freeSlots == 1 { link(slab) }
        return 0
    }

    /// These free slots are never taken again: their pages go elsewhere. O(slots).
    mutating func cut(_ slab: Int, _ gone: [Int]) {
        let wasListed = slabs[slab].freeSlots > 0
        for slot in gone { slabs[slab].slots[slot] = Self.freeBit | Self.goneSlot }
        var (next, count) = (Self.noSlot, 0)
        for slot in slabs[slab].slots.indices.reversed() {
            let word = slabs[slab].slots[slot]
            guard word & Self.freeBit != 0, word != Self.freeBit | Self.goneSlot else { continue }
            slabs[slab].slots[slot] = Self.freeBit | next
            (next, count) = (UInt32(slot), count + 1)
        }
        slabs[slab].firstFree = next
        slabs[slab].freeSlots = count
        if wasListed, count == 0 { unlink(slab) }
    }

    /// Forgets an empty slab.
    mutating func remove(_ slab: Int) {
        if slabs[slab].freeSlots > 0 { unlink(slab) }
        shelves[slabs[slab].tenant][slabs[slab].classIndex].slabs -= 1
        slabs[slab] = Slab()
        unused.append(Int32(slab))
    }

    mutating func move(_ slab: Int, to tenant: Int) {
        let isListed = slabs[slab].freeSlots > 0
        if isListed { unlink(slab) }
        shelves[slabs[slab].tenant][slabs[slab].classIndex].slabs -= 1
        slabs[slab].tenant = tenant
        shelves[tenant][slabs[slab].classIndex].slabs += 1
        if isListed { link(slab) }
    }

    private mutating func link(_ slab: Int) {
        let (tenant, classIndex) = (slabs[slab].tenant, slabs[slab].classIndex)
        let head = shelves[tenant][classIndex].head
        slabs[slab].next = head
        slabs[slab].previous = Self.none
        if head != Self.none { slabs[Int(head)].previous = Int32(slab) }
        shelves[tenant][classIndex].head = Int32(slab)
    }

    private mutating func unlink(_ slab: Int) {
        let (next, previous) = (slabs[slab].next, slabs[slab].previous)
        if previous == Self.none {
            shelves[slabs[slab].tenant][slabs[slab].classIndex].head = next
        } else {
            slabs[Int(previous)].next = next
        }
        if next != Self.none { slabs[Int(next)].previous = previous }
        slabs[slab].next = Self.none
        slabs[slab].previous = Self.none
    }
}
