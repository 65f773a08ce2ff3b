import FluxonWorkload
import Testing

/// A value of a run must not be taken for whole when it is not.
@Suite struct TestValueTests {
    @Test("a value knows its number, and no other byte, length, order or mixture passes", arguments: [16, 24, 4096, 3 << 20])
    func whole(count: Int) {
        func number(_ bytes: [UInt8]) -> UInt64? { bytes.withUnsafeBytes { TestValue.number(of: $0) } }
        let bytes = TestValue.bytes(number: 7, count: count)
        let other = TestValue.bytes(number: 8, count: count)
        #expect(number(bytes) == 7 && number(other) == 8)
        for place in [0, 8, count / 2, count - 1] {
            var damaged = bytes
            damaged[place] ^= 1
            #expect(number(damaged) == nil || (place == 0 && count == 16), "a bit at \(place)")
        }
        #expect(number(Array(bytes.dropLast())) == nil && number(bytes + [0]) == nil)
        guard count > 16 else { return }
        #expect(number(Array(bytes.dropLast(8) + other.suffix(8))) == nil)
        #expect(number(Array(bytes.prefix(16) + bytes[16...].reversed())) == nil)
    }
}
