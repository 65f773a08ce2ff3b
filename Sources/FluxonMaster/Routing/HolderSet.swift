import FluxonCore

/// Who may have a copy of one key, in eight bytes (CONSISTENCY M5): a bit for each of the first 62 owners, one number for a single
/// owner beyond them, else the place of a list in `HolderLists`. Exact in every form.
struct HolderSet: Hashable, Sendable {
    fileprivate var word: UInt64 = 0

    fileprivate static let single: UInt64 = 1 << 62
    fileprivate static let list: UInt64 = 1 << 63
    fileprivate static let forms: UInt64 = 3 << 62

    var isEmpty: Bool { word == 0 }
}

/// The lists of those few sets that do not fit a word.
struct HolderLists: Sendable {
    private var lists: [[OwnerID]] = []
    private var free: [Int] = []

    /// Owners in ascending order.
    func owners(of set: HolderSet) -> [OwnerID] {
        switch set.word & HolderSet.forms {
        case HolderSet.single: return [OwnerID(UInt32(truncatingIfNeeded: set.word))]
        case HolderSet.list: return lists[Int(set.word & ~HolderSet.forms)]
        default:
            var owners: [OwnerID] = []
            var bits = set.word
            while bits != 0 {
                owners.append(OwnerID(UInt32(bits.trailingZeroBitCount) + 1))
                bits &= bits - 1
            }
            return owners
        }
    }

    func contains(_ owner: OwnerID, in set: HolderSet) -> Bool {
        switch set.word & HolderSet.forms {
        case HolderSet.single: UInt32(truncatingIfNeeded: set.word) == owner.number
        case HolderSet.list: lists[Int(set.word & ~HolderSet.forms)].contains(owner)
        default: owner.number <= 62 && set.word & bit(owner) != 0
        }
    }

    mutating func insert(_ owner: OwnerID, into set: inout HolderSet) {
        guard !contains(owner, in: set) else { return }
        if set.word & HolderSet.forms == 0, owner.number <= 62 {
            set.word |= bit(owner)
        } else if set.isEmpty {
            set.word = HolderSet.single | UInt64(owner.number)
        } else {
            store(owners(of: set) + [owner], in: &set)
        }
    }

    mutating func remove(_ owner: OwnerID, from set: inout HolderSet) {
        guard contains(owner, in: set) else { return }
        switch set.word & HolderSet.forms {
        case HolderSet.single: set.word = 0
        case HolderSet.list: store(owners(of: set).filter { $0 != owner }, in: &set)
        default: set.word &= ~bit(owner)
        }
    }

    mutating func removeAll(from set: inout HolderSet) {
        if set.word & HolderSet.forms == HolderSet.list { free.append(Int(set.word & ~HolderSet.forms)) }
        if set.word & HolderSet.forms == HolderSet.list { lists[Int(set.word & ~HolderSet.forms)] = [] }
        set.word = 0
    }

    private mutating func store(_ owners: [OwnerID], in set: inout HolderSet) {
        removeAll(from: &set)
        if owners.allSatisfy({ $0.number <= 62 }) {
            for owner in owners { set.word |= bit(owner) }
        } else if owners.count == 1 {
            set.word = HolderSet.single | UInt64(owners[0].number)
        } else {
            let place = free.popLast() ?? lists.count
            if place == lists.count { lists.append([]) }
            lists[place] = owners.sorted()
            set.word = HolderSet.list | UInt64(place)
        }
    }

    /// Owner numbers start at 1; 0 never gets this far.
    private func bit(_ owner: OwnerID) -> UInt64 { 1 << UInt64((owner.number &- 1) & 63) }
}
