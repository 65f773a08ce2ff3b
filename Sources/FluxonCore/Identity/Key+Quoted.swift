extension Key {
    /// The key for a message or a log: in quotes, cut where it is long, and with everything escaped that could be taken for something
    /// else (ends of lines, what turns the direction of text, bytes that are no text).
    package var quoted: String { Self.quoted(bytes) }

    /// The same for bytes that are meant to be a key.
    package static func quoted(_ bytes: [UInt8]) -> String {
        var text = "'"
        var shown = 0
        var parser = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        while shown < Limits.shownKeyBytes {
            switch parser.parseScalar(from: &rest) {
            case .valid(let encoded):
                text += escaped(Unicode.UTF8.decode(encoded))
                shown += encoded.count
            case .error(let length):
                for byte in bytes[shown..<shown + length] { text += "\\x" + hexadecimal(UInt32(byte), digits: 2) }
                shown += length
            case .emptyInput: return text + "'"
            }
        }
        return shown == bytes.count ? text + "'" : "\(text)…' (\(bytes.count) bytes)"
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "'", "\\": return "\\\(scalar)"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                return "\\u{\(hexadecimal(scalar.value, digits: 1))}"
            default: return String(scalar)
            }
        }
    }

    private static func hexadecimal(_ number: UInt32, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
