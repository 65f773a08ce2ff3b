import FluxonCore
import FluxonOwner

/// Copies in a dictionary that counts references as the pool does: an extent that is released too often, or used afterwards, is a trap.
struct CountingCopyStore: CopyStore {
    private var copies: [Key: StoredCopy<Int>] = [:]
    private var places: [Key?] = []
    private(set) var references: [Int: Int] = [:]
    private var deadline = BootInstant.zero
    private var lastExtent = 0
    /// How many more copies find a free entry.
    var room = 0

    mutating func newExtent() -> Int {
        lastExtent += 1
        references[lastExtent] = 1
        return lastExtent
    }

    func find(_ key: Key) -> StoredCopy<Int>? { copies[key] }

    mutating func publish(_ key: Key, _ copy: StoredCopy<Int>) -> Bool {
        guard copies[key] == nil, room > 0 else { return false }
        guard references[copy.extent] != nil else { fatalError("extent \(copy.extent) is published after its end") }
        room -= 1
        copies[key] = copy
        places.append(key)
        return true
    }

    mutating func retire(_ key: Key) -> StoredCopy<Int>? {
        if let place = places.lastIndex(of: key) { places[place] = nil }
        return copies.removeValue(forKey: key)
    }

    mutating func retain(_ extent: Int) {
        guard let count = references[extent] else { fatalError("extent \(extent) is retained after its end") }
        references[extent] = count + 1
    }

    mutating func release(_ extent: Int) {
        guard let count = references[extent] else { fatalError("extent \(extent) is released too often") }
        references[extent] = count > 1 ? count - 1 : nil
    }

    mutating func makeRetirementsVisible() {}

    mutating func setDeadline(_ deadline: BootInstant) {
        guard deadline >= self.deadline else { fatalError("the deadline went back") }
        self.deadline = deadline
    }

    var placeLimit: Int { places.count }
    func publishedKey(in place: Int) -> Key? { places[place] }

    /// The references of published copies, by extent.
    var publishedReferences: [Int: Int] {
        copies.values.reduce(into: [:]) { references, copy in references[copy.extent, default: 0] += 1 }
    }
}
