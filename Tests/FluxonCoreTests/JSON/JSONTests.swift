import FluxonCore
import Testing

@Suite struct JSONTests {
    @Test(
        "a document is read and written alike",
        arguments: [
            "null", "true", "false", "0", "-1", "18446744073709551615", "1.5", "\"\"", "[]", "{}", "[1, \"a\", null]",
            "{\"a\": {\"b\": [true]}}",
            #""\"\\\n\r\t\u0001é😀""#,
        ])
    func roundTrip(text: String) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)).text() == text)
    }

    @Test("escapes mean their characters")
    func escapes() throws {
        let value = try JSONValue(parsing: Array(#""\u00e9\ud83d\ude00\/\b\f""#.utf8))
        #expect(value.text == "é😀/\u{8}\u{C}")
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "nul", "01", "1.", "1e", "-", "+1", "'a'", "\"a", "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "[1,]", "[1 2]",
            "{\"a\"}", "{a: 1}",
            "{\"a\": 1,}", "1 2", "1e999", "\"\u{1}\"", "nan",
        ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("nesting is limited, so that no input exhausts the stack")
    func nesting() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)) }
    }

    @Test("bytes that are not UTF-8 are refused in strings")
    func encoding() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    }
}
