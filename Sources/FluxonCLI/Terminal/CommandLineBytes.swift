import FluxonSystem

/// The command line as bytes. Swift's own arguments are text, in which what is not UTF-8 is replaced: another key, another file.
///
/// Each byte that is no part of a character stands for itself as a character of a private plane (U+10FF00 and its number); characters that
/// are there already are taken apart in the same way, so that `typed` gives back exactly what was typed.
enum CommandLineBytes {
    private static let plane: UInt32 = 0x10FF00

    /// Without the program's name.
    static var arguments: [String] {
        guard let line = try? File.readAll("/proc/self/cmdline", limit: 8 << 20) else { return Array(CommandLine.arguments.dropFirst()) }
        return line.split(separator: 0, omittingEmptySubsequences: false).dropFirst().dropLast().map { text(Array($0)) }
    }

    static func text(_ bytes: [UInt8]) -> String {
        var text = String.UnicodeScalarView()
        var parser = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &rest) {
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                if scalar.value >= plane { text += bytes[offset..<offset + encoded.count].map(standIn) } else { text.append(scalar) }
                offset += encoded.count
            case .error(let length):
                text += bytes[offset..<offset + length].map(standIn)
                offset += length
            case .emptyInput: return String(text)
            }
        }
    }

    private static func standIn(_ byte: UInt8) -> Unicode.Scalar {
        Unicode.Scalar(plane + UInt32(byte)) ?? Unicode.Scalar(byte)
    }

    /// The bytes of what was typed as `text`.
    static func typed(_ text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { scalar in
            scalar.value >= plane ? [UInt8(truncatingIfNeeded: scalar.value)] : Array(String(scalar).utf8)
        }
    }

    /// The same for a message.
    static func shown(_ text: String) -> String { String(decoding: typed(text), as: UTF8.self) }

    /// A path for calls that take text: as it is, or, where it is no UTF-8, by way of a descriptor of what lies there, which stays open.
    static func path(_ text: String) throws(SystemError) -> String {
        let bytes = typed(text)
        if let path = String(validating: bytes, as: UTF8.self) { return path }
        return "/proc/self/fd/\(try File.open(named: bytes, for: .name).release())"
    }

    /// A variable of the environment in the form of `arguments`; nil: not set, or empty.
    static func environment(_ name: String) -> String? {
        let prefix = Array("\(name)=".utf8)
        let all = (try? File.readAll("/proc/self/environ", limit: 8 << 20)) ?? []
        let value = all.split(separator: 0).first { $0.starts(with: prefix) }?.dropFirst(prefix.count)
        return value.flatMap { $0.isEmpty ? nil : text(Array($0)) }
    }
}
