import FluxonCore
import FluxonOwner

/// Copies in a dictionary, with reference counts, for tests of the rules.
struct DictionaryCopyStore: CopyStore {
    private var copies: [Key: StoredCopy<Int>] = [:]
    private var places: [Key?] = []
    private(set) var references: [Int: Int] = [:]
    private(set) var deadline = BootInstant.zero
    private(set) var hasInvisibleRetirements = false

    func find(_ key: Key) -> StoredCopy<Int>? { copies[key] }

    mutating func publish(_ key: Key, _ copy: StoredCopy<Int>) -> Bool {
        copies[key] = copy
        places.append(key)
        return true
    }

    mutating func retire(_ key: Key) -> StoredCopy<Int>? {
        guard let copy = copies.removeValue(forKey: key) else { return nil }
        if let place = places.lastIndex(of: key) { places[place] = nil }
        hasInvisibleRetirements = true
        return copy
    }

    mutating func retain(_ extent: Int) { references[extent, default: 0] += 1 }

    mutating func release(_ extent: Int) {
        references[extent, default: 0] -= 1
        if references[extent] == 0 { references[extent] = nil }
    }

    mutating func makeRetirementsVisible() { hasInvisibleRetirements = false }
    mutating func setDeadline(_ deadline: BootInstant) { self.deadline = deadline }
    var placeLimit: Int { places.count }
    func publishedKey(in place: Int) -> Key? { places[place] }
}
