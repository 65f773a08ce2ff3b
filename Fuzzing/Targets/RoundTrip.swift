/// What every decoder owes: bytes that it takes and that are written again mean the same.
enum RoundTrip {
    static func check<Message: Equatable>(
        _ bytes: [UInt8], decode: ([UInt8]) throws -> Message, encode: (Message) -> [UInt8]
    ) {
        guard let message = try? decode(bytes) else { return }
        let written = encode(message)
        guard let again = try? decode(written) else { fatalError("what was written of \(message) is refused") }
        // Said in release builds too, unlike the text of a precondition.
        if again != message { fatalError("\(message) was read back as \(again)") }
    }
}
