import FluxonCore

/// JSON from anywhere: what is taken is written so that it is taken again, and means the same.
enum JSONTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let value = try? JSONValue(parsing: Array(input)) else { return }
        for isPretty in [false, true] {
            let text = value.text(isPretty: isPretty)
            guard let again = try? JSONValue(parsing: Array(text.utf8)) else { preconditionFailure("what was written is refused: \(text)") }
            precondition(again.text() == value.text(), "\(text) was read back as \(again.text())")
        }
    }
}
