/// What tests draw by chance. SplitMix64: one seed, one sequence, on every machine, so that a failure is known by its seed.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1 }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    package mutating func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : next() % bound }
    package mutating func index(below bound: Int) -> Int { Int(below(UInt64(bound))) }
    package mutating func range(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }
    /// True once in `count`.
    package mutating func oneIn(_ count: UInt64) -> Bool { below(count) == 0 }
}
