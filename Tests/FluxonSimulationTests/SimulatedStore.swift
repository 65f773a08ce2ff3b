import FluxonCore
import FluxonOwner

/// The pool of one owner's life, as readers and the owner see it: entries with generations, D, epoch, extents with reference counts.
/// It outlives its owner's process, like shared memory does.
final class SimulatedStore: CopyStore {
    typealias Extent = Int

    struct Entry {
        var copy: StoredCopy<Int>
        let generation: UInt64
    }

    struct Memory {
        /// The value's number: what its bytes are.
        var content: UInt64
        var references: Int
    }

    let number: Int
    private(set) var entries: [Key: Entry] = [:]
    private(set) var memory: [Int: Memory] = [:]
    private var order: [Key] = []
    private var nextExtent = 1
    private var nextGeneration: UInt64 = 1
    private(set) var deadline = BootInstant.zero
    /// R1: a later life bumped the epoch; readers attach anew.
    private(set) var isFenced = false
    /// RETIRED stores that no fence has followed yet.
    private(set) var unfenced = 0
    var violations: [String] = []
    /// Told of every publication: (key, version).
    var onPublish: ((Key, Version) -> Void)?

    init(number: Int) { self.number = number }

    func find(_ key: Key) -> StoredCopy<Int>? { entries[key]?.copy }

    func publish(_ key: Key, _ copy: StoredCopy<Int>) -> Bool {
        if entries[key] != nil { violations.append("I3: \(key) published twice in store \(number)") }
        if memory[copy.extent] == nil { violations.append("I4: \(key) published on a free extent") }
        entries[key] = Entry(copy: copy, generation: nextGeneration)
        nextGeneration += 1
        order.append(key)
        onPublish?(key, copy.version)
        return true
    }

    func retire(_ key: Key) -> StoredCopy<Int>? {
        guard let entry = entries.removeValue(forKey: key) else { return nil }
        unfenced += 1
        order.removeAll { $0 == key }
        return entry.copy
    }

    func retain(_ extent: Int) {
        guard memory[extent] != nil else { return violations.append("I4: a free extent retained") }
        memory[extent]?.references += 1
    }

    func release(_ extent: Int) {
        guard let references = memory[extent]?.references else { return violations.append("I4: a free extent released") }
        memory[extent]?.references = references - 1
        if references == 1 { memory[extent] = nil }
    }

    func makeRetirementsVisible() { unfenced = 0 }

    func setDeadline(_ deadline: BootInstant) {
        if deadline < self.deadline { violations.append("L2: D went back") }
        self.deadline = deadline
    }

    var publishedKeys: [Key] { order }

    /// Reserves an extent with one reference and writes a value into it.
    func write(_ content: UInt64) -> Int {
        defer { nextExtent += 1 }
        memory[nextExtent] = Memory(content: content, references: 1)
        return nextExtent
    }

    /// The bytes under a reference that the caller holds; nil is a violation of I4.
    func read(_ extent: Int) -> UInt64? { memory[extent]?.content }

    /// R1, by the next life.
    func fence() {
        isFenced = true
        deadline = .zero
        entries = [:]
        order = []
    }
}
