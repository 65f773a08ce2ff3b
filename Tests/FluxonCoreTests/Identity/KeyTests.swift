import FluxonCore
import Testing

@Suite struct KeyTests {
    @Test("two keys are equal if all their bytes are, and only then", arguments: [1, 2, 7, 8, 9, 15, 16, 24, 1024])
    func equality(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let key = try Key(bytes)
        #expect(key == key)
        #expect(try key == Key(bytes.map { $0 }))
        #expect(try key.hashValue == Key(bytes.map { $0 }).hashValue)
        for place in 0..<count {
            var other = bytes
            other[place] ^= 0x80
            #expect(try key != Key(other))
        }
        if count < Limits.keyBytes { #expect(try key != Key(bytes + [0])) }
    }

    @Test("a key has 1 to 1024 bytes")
    func limits() {
        #expect(throws: KeyError.empty) { try Key([]) }
        #expect(throws: KeyError.tooLong(byteCount: 1025, limit: 1024)) { try Key([UInt8](repeating: 1, count: 1025)) }
    }
}
