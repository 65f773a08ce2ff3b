import Foundation
import Glibc

/// One text file of the repository, in lines, and the same lines without comments and string literals.
struct SourceFile: Sendable {
    /// Path from the root of the repository.
    let path: String
    let lines: [String]
    /// What the compiler looks at: `lines` with comments and the text of literals left out. Equal to `lines` for other languages.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        let isCode = ["swift", "c", "h"].contains { path.hasSuffix(".\($0)") }
        code = isCode ? CodeText.code(of: Array(text.utf8)) : lines
    }

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    var isSwift: Bool { path.hasSuffix(".swift") }
    var isGenerated: Bool { path.contains("/Generated/") }
    /// `FluxonPool` for `Sources/FluxonPool/…`; nil elsewhere.
    var module: String? { path.hasPrefix("Sources/") ? path.split(separator: "/").dropFirst().first.map(String.init) : nil }

    func isIn(_ places: [String]) -> Bool { places.contains { path.hasPrefix($0) } }

    /// Lines of code, counted from 1, in which `word` stands by itself.
    func uses(of word: String) -> [Int] {
        code.indices.filter { code[$0].mentions(word) }.map { $0 + 1 }
    }

    /// Whether a comment within `distance` lines of line `number` gives the reason.
    func explains(_ number: Int, within distance: Int = 15) -> Bool {
        lines[max(0, number - 1 - distance)..<min(lines.count, number + distance)].contains { $0.mentions("SAFETY:") }
    }
}

extension SourceFile {
    /// Every tracked kind of text below the places where we write.
    static let all: [SourceFile] = {
        let places = [
            "Sources", "Tests", "Benchmarks", "Fuzzing", "Examples", "proto", "docs", "scripts", "deploy", "ext_images", "models", ".ci",
        ]
        let files = FileManager.default
        let below = places.flatMap { place in
            (files.enumerator(atPath: "\(root)/\(place)")?.compactMap { $0 as? String } ?? []).map { "\(place)/\($0)" }
        }
        let top = (try? files.contentsOfDirectory(atPath: root))?.filter { $0.hasSuffix(".md") || $0 == "Package.swift" } ?? []
        return (below + top).sorted().compactMap { path in
            guard !path.contains("__pycache__"), !path.hasPrefix("Fuzzing/Corpus/"), let data = files.contents(atPath: "\(root)/\(path)"),
                data.count < 1 << 20,
                let text = String(data: data, encoding: .utf8)
            else { return nil }
            return SourceFile(path: path, text: text)
        }
    }()

    static let swift = all.filter { $0.isSwift && !$0.isGenerated }

    static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
}

extension String {
    /// Whether `text` occurs.
    func has(_ text: String) -> Bool { !places(of: text).isEmpty }

    /// Whether `word` occurs, and is not part of a longer name at an end where it is a name itself.
    func mentions(_ word: String) -> Bool {
        let line = utf8
        return places(of: word).contains { place in
            let start = line.index(line.startIndex, offsetBy: place)
            let end = line.index(start, offsetBy: word.utf8.count)
            let before = start == line.startIndex ? nil : line[line.index(before: start)]
            let after = end == line.endIndex ? nil : line[end]
            let startsFree = !(word.utf8.first?.isPartOfName ?? false) || !(before?.isPartOfName ?? false)
            let endsFree = !(word.utf8.last?.isPartOfName ?? false) || !(after?.isPartOfName ?? false)
            return startsFree && endsFree
        }
    }

    /// Where in the bytes `text` begins. Not by `String` or `Regex`: every rule looks at every line, in a debug build.
    private func places(of text: String) -> [Int] {
        var text = text
        var line = self
        return line.withUTF8 { line in
            text.withUTF8 { text in
                var found: [Int] = []
                var start = 0
                while start + text.count <= line.count, let base = line.baseAddress, let first = text.first,
                    let hit = memchr(base + start, Int32(first), line.count - start - text.count + 1)
                {
                    let place = UnsafeRawPointer(hit) - UnsafeRawPointer(base)
                    if let needle = text.baseAddress, memcmp(hit, needle, text.count) == 0 { found.append(place) }
                    start = place + 1
                }
                return found
            }
        }
    }
}

extension UInt8 {
    fileprivate var isPartOfName: Bool {
        self == UInt8(ascii: "_") || (0x30...0x39).contains(self) || (0x41...0x5a).contains(self) || (0x61...0x7a).contains(self)
    }
}
