import FluxonCore
import FluxonSeededRandom
import Testing

@testable import FluxonMaster

@Suite struct KeyTableTests {
    /// Keys of all lengths, two of each number that differ in their last byte alone.
    private static func key(_ number: UInt64) throws -> Key {
        let length = Int(1 + number / 2 % 40)
        var bytes = (0..<length).map { UInt8(truncatingIfNeeded: Int(number / 2) &* 31 &+ $0) } + Array("\(number / 2)".utf8)
        bytes.append(UInt8(number % 2))
        return try Key(bytes)
    }

    @Test("it holds what a dictionary holds after any sequence of insertions, changes and removals", arguments: [UInt64(1), 2, 3])
    func model(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var table = KeyTable<Int>()
        var model: [Key: Int] = [:]
        for step in 0..<40_000 {
            // Grows to some thousand keys, then shrinks.
            let key = try Self.key(random.below(6_000))
            let value: Int? = random.oneIn(step < 20_000 ? 4 : 2) ? nil : step
            table[key] = value
            model[key] = value
            #expect(table.count == model.count)
            let other = try Self.key(random.below(6_000))
            #expect(table[other] == model[other])
        }
        for (key, value) in model { #expect(table[key] == value) }
        let keys = table.keys()
        #expect(keys.count == model.count)
        #expect(Set(keys) == Set(model.keys))
        for key in keys {
            let number = try #require(table.number(of: key))
            #expect(table.key(at: number) == key && table.value(at: number) == model[key])
        }
        let used = Set(keys.compactMap { table.number(of: $0) })
        for number in 0..<table.entryLimit where !used.contains(number) { #expect(table.value(at: number) == nil) }
    }

    @Test("a key keeps its entry's number while others come and go")
    func numbers() throws {
        var table = KeyTable<Int>()
        let number = table.set(try Self.key(0), 0)
        for other in UInt64(1)..<5_000 { table[try Self.key(other)] = 1 }
        for other in UInt64(1)..<5_000 where other % 3 > 0 { table[try Self.key(other)] = nil }
        let key = try Self.key(0)
        #expect(table.number(of: key) == number)
        #expect(table.set(key, 7) == number)
        #expect(table.value(at: number) == 7)
        #expect(table.value(at: table.entryLimit) == nil && table.key(at: table.entryLimit) == nil)
    }

    @Test("a set of entries has those that were put in")
    func entrySets() {
        var set = EntrySet()
        for number in [UInt32(0), 63, 64, 100_000] { set.insert(number) }
        #expect((0..<UInt32(100_100)).filter { set.contains($0) } == [0, 63, 64, 100_000])
    }

    @Test("a stack of numbers gives back the last first, across its blocks")
    func stacks() {
        var stack = NumberStack()
        for number in UInt32(0)..<10_000 { stack.push(number) }
        for number in (UInt32(5_000)..<10_000).reversed() { #expect(stack.pop() == number) }
        stack.push(1)
        #expect(stack.pop() == 1)
        for number in (UInt32(0)..<5_000).reversed() { #expect(stack.pop() == number) }
        #expect(stack.pop() == nil)
    }

    @Test("visits that go on where the last one ended meet each key that is there all the while exactly once")
    func visits() throws {
        var random = SeededRandom(seed: 1)
        var table = KeyTable<Int>()
        for number in UInt64(0)..<10_000 { table[try Self.key(number)] = 0 }
        for number in UInt64(0)..<10_000 where number % 3 == 0 { table[try Self.key(number)] = nil }
        var met: [Key: Int] = [:]
        var position: UInt32? = 0
        while let from = position {
            var looked = 0
            position = table.visit(from: from, visits: 100) { key, _ in
                met[key, default: 0] += 1
                looked += 1
                return looked < 30
            }
            #expect(looked <= 30)
            // Others come and go meanwhile.
            table[try Self.key(20_000 + random.below(500))] = 1
            table[try Self.key(20_000 + random.below(500))] = nil
        }
        for number in UInt64(0)..<10_000 { #expect(met[try Self.key(number), default: 0] == (number % 3 == 0 ? 0 : 1)) }
        #expect(table.visit(from: 1 << 30, visits: 100) { _, _ in true } == nil)
    }

    @Test("a copy of it is a value of its own")
    func copies() throws {
        var table = KeyTable<Int>()
        for number in UInt64(0)..<100 { table[try Self.key(number)] = Int(number) }
        let copy = table
        for number in UInt64(0)..<100 { table[try Self.key(number)] = nil }
        #expect(table.keys().isEmpty && table.count == 0)
        for number in UInt64(0)..<100 { #expect(copy[try Self.key(number)] == Int(number)) }
    }

    @Test("keys that come and go leave no room behind")
    func reuse() throws {
        var arena = KeyArena()
        let places = try (0..<1000).map { arena.add(try Self.key($0)) }
        for place in places { arena.remove(place) }
        let again = try (0..<1000).map { arena.add(try Self.key($0)) }
        // Keys of as many words share their room.
        func rooms(_ places: [KeyArena.Place]) -> Set<[Int]> { Set(places.map { [(Int($0.byteCount) + 7) / 8, Int($0.number)] }) }
        #expect(rooms(again) == rooms(places), "more room was taken than was given back")
        for (number, place) in again.enumerated() {
            #expect(arena.equals(place, try Self.key(UInt64(number))))
            #expect(try arena.bytes(place) == Self.key(UInt64(number)).bytes)
            #expect(!arena.equals(place, try Self.key(UInt64(number) ^ 1)))
        }
    }

    @Test("the longest and the shortest keys are kept whole", arguments: [1, 7, 8, 9, 1023, 1024])
    func lengths(byteCount: Int) throws {
        let key = try Key((0..<byteCount).map { UInt8(truncatingIfNeeded: $0) })
        var table = KeyTable<Int>()
        table[key] = 7
        #expect(table[key] == 7)
        #expect(table.keys() == [key])
    }
}
