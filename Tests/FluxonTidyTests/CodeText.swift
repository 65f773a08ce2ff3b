/// Takes comments and string literals out of Swift and C; what stands in `\(…)` is code.
struct CodeText {
    private enum Mode: Equatable {
        case code
        case lineComment
        case blockComment(depth: Int)
        case string(quotes: Int, hashes: Int)
        case interpolation(parentheses: Int)
    }

    private static let quote = UInt8(ascii: "\"")
    private static let hash = UInt8(ascii: "#")
    private static let newline = UInt8(ascii: "\n")

    private let text: [UInt8]
    private var index = 0
    private var modes: [Mode] = [.code]
    private var result: [UInt8] = []

    private init(_ text: [UInt8]) { self.text = text }

    static func code(of text: [UInt8]) -> [String] {
        var reader = CodeText(text)
        while reader.index < text.count { reader.step() }
        return reader.result.split(separator: newline, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }

    private var mode: Mode {
        get { modes.last ?? .code }
        set {
            _ = modes.popLast()
            modes.append(newValue)
        }
    }

    private mutating func step() {
        let byte = text[index]
        switch mode {
        case .lineComment:
            if byte == Self.newline { end() }
            skip(1)
        case .blockComment(let depth):
            if starts("*/") {
                if depth == 1 { end() } else { mode = .blockComment(depth: depth - 1) }
                return skip(2)
            }
            if starts("/*") {
                mode = .blockComment(depth: depth + 1)
                return skip(2)
            }
            skip(1)
        case .string(let quotes, let hashes): stepInString(quotes: quotes, hashes: hashes)
        case .interpolation(let open):
            if byte == UInt8(ascii: "(") { mode = .interpolation(parentheses: open + 1) }
            if byte == UInt8(ascii: ")") {
                if open == 0 {
                    end()
                    return skip(1)
                }
                mode = .interpolation(parentheses: open - 1)
            }
            stepInCode()
        case .code: stepInCode()
        }
    }

    private mutating func stepInCode() {
        if starts("//") {
            modes.append(.lineComment)
            return skip(2)
        }
        if starts("/*") {
            modes.append(.blockComment(depth: 1))
            return skip(2)
        }
        let hashes = count(of: Self.hash, from: index)
        guard index + hashes < text.count, text[index + hashes] == Self.quote else { return keep() }
        // Two quotes are an empty string, three open one of several lines.
        let quotes = count(of: Self.quote, from: index + hashes)
        if quotes == 2 { return skip(hashes + 2 + hashes) }
        modes.append(.string(quotes: quotes >= 3 ? 3 : 1, hashes: hashes))
        skip(hashes + (quotes >= 3 ? 3 : 1))
    }

    private mutating func stepInString(quotes: Int, hashes: Int) {
        let escape = "\\" + String(repeating: "#", count: hashes)
        if starts(escape + "(") {
            modes.append(.interpolation(parentheses: 0))
            return skip(escape.utf8.count + 1)
        }
        if starts(escape) { return skip(escape.utf8.count + 1) }
        let end = String(repeating: "\"", count: quotes) + String(repeating: "#", count: hashes)
        if starts(end) {
            self.end()
            return skip(end.utf8.count)
        }
        // A character constant of C holds a quote without closing it.
        if quotes == 1, hashes == 0, text[index] == Self.newline { self.end() }
        skip(1)
    }

    private mutating func end() {
        if modes.count > 1 { modes.removeLast() }
    }

    private mutating func keep() {
        result.append(text[index])
        index += 1
    }

    /// Line breaks stay, so that lines keep their numbers.
    private mutating func skip(_ count: Int) {
        for byte in text[index..<min(index + count, text.count)] where byte == Self.newline { result.append(byte) }
        index += count
    }

    private func starts(_ token: String) -> Bool {
        index + token.utf8.count <= text.count && text[index..<index + token.utf8.count].elementsEqual(token.utf8)
    }

    private func count(of byte: UInt8, from start: Int) -> Int {
        var end = start
        while end < text.count, text[end] == byte { end += 1 }
        return end - start
    }
}
