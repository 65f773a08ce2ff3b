private import FluxonCore
package import FluxonPool
import FluxonSeededRandom
private import FluxonSystem

/// A reader that checks all it gets: the bytes are those of the object and version, now and for as long as they are held (I4), versions
/// never go back (I9), and none is older than what was current when the get began (I11).
package struct StressReader {
    private let view: PoolView
    private let board: StressBoard
    private let keys: [Key]
    private var random: SeededRandom
    private var newest: [UInt64]
    /// Values that are kept for a while and looked at again, the oldest in `next`.
    private var kept: [(value: Held, object: Int, version: UInt64)?] = Array(repeating: nil, count: 8)
    private var next = 0
    package private(set) var hits = 0
    /// Gets that were refused since the owner's validity was over.
    package private(set) var refusals = 0

    package init(_ view: PoolView, _ board: StressBoard, seed: UInt64) throws {
        self.view = view
        self.board = board
        keys = try (0..<board.objects).map { try StressOwner.key($0) }
        random = SeededRandom(seed: seed)
        newest = Array(repeating: 0, count: board.objects)
    }

    /// One get. What is wrong, nil when nothing is.
    package mutating func step() -> String? {
        let object = Int.random(in: 0..<board.objects, using: &random)
        let consistency: LocalConsistency = Bool.random(using: &random) ? .current : .local
        let oldest = consistency == .current ? board.current(object) : board.published(object)
        switch view.get(keys[object], consistency) {
        case .hit(let pinned): return judge(Held(pinned), object, oldest: oldest)
        case .notCurrent:
            refusals += 1
            return nil
        case .noPinWord: return "no pin word is left"
        case .epochChanged: return "the pool ended"
        case .forkedChild: return "the reader takes itself for a forked child"
        case .miss: return nil
        }
    }

    private mutating func judge(_ value: Held, _ object: Int, oldest: UInt64) -> String? {
        hits += 1
        let version = value.version.sequence
        if version < oldest { return "object \(object): version \(version) was over when the get began, \(oldest) was current" }
        if version < newest[object] { return "object \(object): version \(version) came after \(newest[object])" }
        newest[object] = version
        let pattern = StressOwner.pattern(object, version)
        if !value.isWholly(pattern) { return "object \(object), version \(version): foreign or torn bytes under a validated pin" }
        if let old = kept[next], !old.value.isWholly(StressOwner.pattern(old.object, old.version)) {
            return "object \(old.object), version \(old.version): the bytes changed under the pin"
        }
        kept[next] = Bool.random(using: &random) ? (value, object, version) : nil
        next = (next + 1) % kept.count
        return nil
    }

    /// Lets go of everything.
    package mutating func end() -> String? {
        for old in kept.compactMap({ $0 }) where !old.value.isWholly(StressOwner.pattern(old.object, old.version)) {
            return "object \(old.object), version \(old.version): the bytes changed under the pin"
        }
        kept = Array(repeating: nil, count: kept.count)
        return view.heldPins == 0 ? nil : "\(view.heldPins) pins are left"
    }
}
