import FluxonCore
import FluxonSeededRandom

/// What chance puts into messages: often exactly at a limit, or beyond it.
struct WireChance {
    private var random: SeededRandom
    /// Something was made that is beyond a limit: the receiver reads less than was written.
    private(set) var exceeds = false
    /// False: everything keeps to its limits.
    private let mayExceed: Bool

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        mayExceed = random.oneIn(2)
    }

    mutating func number() -> UInt64 {
        let all: [UInt64] = [0, 1, 127, 128, 300, 1 << 32, .max]
        return random.oneIn(3) ? random.next() : all[random.index(below: all.count)]
    }

    mutating func number32() -> UInt32 { UInt32(truncatingIfNeeded: number()) }
    mutating func number16() -> UInt16 { UInt16(truncatingIfNeeded: number()) }
    mutating func signed() -> Int64 { Int64(bitPattern: number()) }
    mutating func chance() -> Bool { random.oneIn(2) }
    mutating func index(below count: Int) -> Int { random.index(below: count) }

    /// A length around a limit, or a short one.
    private mutating func length(_ limit: Int, least: Int) -> Int {
        switch random.index(below: 8) {
        case 0: return limit
        case 1: return max(least, limit - 1)
        case 2 where mayExceed:
            exceeds = true
            return limit + 1 + random.index(below: 3)
        default: return least + random.index(below: 4)
        }
    }

    /// Characters of one to four bytes.
    mutating func text(limit: Int, least: Int = 0) -> String {
        let count = length(limit, least: least)
        let wide = ["é", "€", "🦉"][random.index(below: 3)]
        var text = ""
        if random.oneIn(4), count >= wide.utf8.count { text = wide }
        return text + String(repeating: "x", count: count - text.utf8.count)
    }

    mutating func name() -> InstanceKey { InstanceKey(text(limit: Limits.nameBytes, least: 1)) }

    /// A key is never longer: nothing that makes one takes more.
    mutating func key() -> Key {
        let count = random.oneIn(4) ? Limits.keyBytes : 1 + random.index(below: 20)
        guard let key = try? Key(bytes(count)) else { preconditionFailure("a key of \(count) bytes") }
        return key
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        let first = UInt8(truncatingIfNeeded: random.next())
        return (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) }
    }

    mutating func list<Element>(limit: Int, least: Int = 0, _ element: (inout WireChance) -> Element) -> [Element] {
        (0..<length(limit, least: least)).map { _ in element(&self) }
    }

    /// A list of which a sender never makes more than the limit.
    mutating func boundedList<Element>(limit: Int, least: Int = 0, _ element: (inout WireChance) -> Element) -> [Element] {
        let count = random.oneIn(16) ? limit : least + random.index(below: 4)
        return (0..<count).map { _ in element(&self) }
    }

    mutating func version() -> Version { Version(term: number(), sequence: number()) }
    mutating func owner() -> OwnerID { OwnerID(number32()) }

    mutating func mark() -> HistoryMark { HistoryMark(term: number(), writes: number(), owners: number()) }

    mutating func reference() -> OperationReference {
        OperationReference(owner: owner(), generation: Generation(number()), number: number())
    }

    mutating func condition() -> CommitCondition {
        switch random.index(below: 4) {
        case 0: .none
        case 1: .absent
        case 2: .present
        default: .version(version())
        }
    }

    mutating func extent() -> LocalExtent {
        let offset = number()
        return LocalExtent(offset: offset, capacity: min(number(), .max - offset))
    }
}
