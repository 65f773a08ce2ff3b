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

    @Test(
        "a key in a message is in quotes, with everything escaped that could be taken for something else, and cut where it is long",
        arguments: [
            ("weights/7", "'weights/7'"), ("it's \\", "'it\\'s \\\\'"), ("a\nb\r\t\u{0}", "'a\\nb\\r\\t\\u{0}'"),
            ("\u{202E}gnp.exe", "'\\u{202e}gnp.exe'"), ("größe", "'größe'"), ("\u{1B}[2J", "'\\u{1b}[2J'"),
            (String(repeating: "k", count: 64), "'" + String(repeating: "k", count: 64) + "'"),
            (String(repeating: "ü", count: 40), "'" + String(repeating: "ü", count: 32) + "…' (80 bytes)"),
        ])
    func quoted(text: String, shown: String) throws {
        #expect(try Key(text).quoted == shown)
    }

    @Test("bytes that are no text are shown as such")
    func quotedBytes() throws {
        #expect(try Key([0xFF, 0x61, 0xC3]).quoted == "'\\xffa\\xc3'")
        #expect(Key.quoted([]) == "''")
    }

    @Test("every code of an error has a name of its own")
    func codeNames() {
        let names = (UInt16(1)...19).map { "\(FluxonError.Code(rawValue: $0))" }
        #expect(Set(names).count == 19 && !names.contains { $0.hasPrefix("code_") })
        #expect("\(FluxonError.Code.notCurrent)" == "not_current" && "\(FluxonError.Code(rawValue: 99))" == "code_99")
    }

    @Test("a key has 1 to 1024 bytes")
    func limits() {
        #expect(throws: KeyError.empty) { try Key([]) }
        #expect(throws: KeyError.tooLong(byteCount: 1025, limit: 1024)) { try Key([UInt8](repeating: 1, count: 1025)) }
    }
}
