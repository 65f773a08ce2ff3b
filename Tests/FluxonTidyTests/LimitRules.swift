/// The table of limits and the messages' tests are about what there is, and about all of it.
enum LimitRules {
    struct Row: Equatable {
        let name: String
        let file: String
    }

    /// Names of `package static let name = …`.
    static func members(of limits: SourceFile) -> [String] {
        limits.code.compactMap { line in
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "let"), place > 0, words[place - 1] == "static", place + 1 < words.count else {
                return nil
            }
            return String(words[place + 1].prefix { $0.isLetter || $0.isNumber })
        }
    }

    /// The rows of the first table: `` | `name` | … | `file` | ``.
    static func rows(of document: SourceFile) -> [Row] {
        document.lines.compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingPrefix(" ") }
            guard cells.count >= 6, let first = cells.first, first.hasPrefix("`"), !first.hasPrefix("`Limits.`"),
                let last = cells.last(where: { $0.hasPrefix("`") })
            else { return nil }
            return Row(name: word(first), file: word(last))
        }
    }

    private static func word(_ cell: Substring) -> String { String(cell.dropFirst().prefix { $0 != "`" }) }

    static func problems(limits: SourceFile, document: SourceFile, files: [SourceFile]) -> [String] {
        let (members, rows) = (members(of: limits), rows(of: document))
        var problems = members.filter { name in !rows.contains { $0.name == name } }.map { "\(document.path): no row for Limits.\($0)" }
        for row in rows {
            if !members.contains(row.name) { problems.append("\(document.path): Limits has no \(row.name)") }
            guard let file = files.first(where: { $0.path == row.file }) else {
                problems.append("\(document.path): \(row.name) names \(row.file), which is not there")
                continue
            }
            if !file.code.contains(where: { $0.mentions("Limits.\(row.name)") || ($0.contains("Limits") && $0.mentions(row.name)) }) {
                problems.append("\(document.path): \(row.file) does not mention Limits.\(row.name)")
            }
        }
        return problems
    }

    /// Types that write themselves into a message, by the file that says so.
    static func messages(in files: [SourceFile]) -> [(type: String, file: String)] {
        files.filter { $0.path.hasPrefix("Sources/FluxonCore/") }.flatMap { file in
            file.code.indices.filter { file.code[$0].contains("func encoded() -> [UInt8]") }.compactMap { index in
                guard let type = file.code[..<index].reversed().lazy.compactMap(Self.declaredType).first else { return nil }
                let parts = type == "LinkFrame" ? (file.name.hasPrefix("Owner") ? "OwnerFrameSample" : "MasterFrameSample") : type
                return (parts, file.path)
            }
        }
    }

    /// `Name` of a line without indentation that declares or extends it.
    private static func declaredType(_ line: String) -> String? {
        let words = line.split(separator: " ").map { $0.prefix { $0.isLetter || $0.isNumber || $0 == "_" } }
        guard line.first?.isLetter == true, let keyword = words.firstIndex(where: { ["struct", "enum", "extension"].contains($0) }),
            words.indices.contains(keyword + 1)
        else { return nil }
        return String(words[keyword + 1])
    }

    /// The description of an owner is a file of JSON, which its own test has.
    private static let files: Set<String> = ["SharedDescription"]

    static func untestedMessages(in files: [SourceFile], samples: SourceFile) -> [String] {
        messages(in: files).filter { message in
            !Self.files.contains(message.type) && !samples.code.contains { $0.mentions("\(message.type).self") }
        }.map { "\($0.file): \($0.type) is not among the messages of \(samples.path)" }
    }
}
