import FluxonSeededRandom
import Testing

@testable import FluxonPool

@Suite struct SpanSetTests {
    @Test("runs that touch are one; whatever is put in and taken out, it holds exactly that", arguments: 0..<8)
    func model(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var spans = SpanSet()
        var held: Set<Int> = []
        for _ in 0..<2_000 {
            let start = Int.random(in: 0..<200, using: &random)
            let range = start..<start + Int.random(in: 1...20, using: &random)
            if Bool.random(using: &random) {
                for missing in spans.missing(in: range) { spans.insert(missing) }
                held.formUnion(range)
            } else {
                spans.remove(range)
                held.subtract(range)
            }
            #expect(spans.count == held.count)
            #expect(spans.contains(range) == range.allSatisfy { held.contains($0) })
        }
        #expect(spans.ranges.flatMap { Array($0) } == held.sorted())
        #expect(zip(spans.ranges, spans.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
    }
}
