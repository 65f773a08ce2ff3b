import FluxonSystem
import Glibc
import Testing

@Suite struct DocumentTests {
    private static let documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]

    private static func text(_ path: String) throws -> String {
        String(decoding: try File.readAll("\(Repository.root)/\(path)", limit: 1 << 20), as: UTF8.self)
    }

    @Test("every link to a file of the repository leads somewhere", arguments: documents)
    func links(document: String) throws {
        let targets = try Self.text(document).split(separator: "](").dropFirst().compactMap { $0.split(separator: ")", maxSplits: 1).first }
        for target in targets where !target.hasPrefix("http") && !target.hasPrefix("#") {
            let path = target.prefix { $0 != "#" }
            #expect(access("\(Repository.root)/\(path)", F_OK) == 0, "\(document): \(target)")
        }
    }

    @Test("the README is short enough to be read, and its two commands are there to run")
    func readme() throws {
        let lines = try Self.text("README.md").split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 120)
        for command in ["scripts/demo", "scripts/test"] {
            #expect(lines.contains { $0.hasPrefix("./\(command)") })
            #expect(access("\(Repository.root)/\(command)", X_OK) == 0)
        }
    }

    @Test("the README's example is one that a test compiles and runs")
    func example() throws {
        let shown = try Self.text("README.md").split(separator: "```swift\nimport Fluxon\n\n", maxSplits: 1)[1].split(
            separator: "```", maxSplits: 1)[0]
        let indented = shown.split(separator: "\n").map { "        \($0)\n" }.joined()
        #expect(try Self.text("Tests/FluxonTests/ReadmeExampleTests.swift").contains(indented))
    }

    @Test("every script that a document names is there", arguments: documents)
    func scripts(document: String) throws {
        let text = try Self.text(document)
        for part in text.split(separator: "scripts/").dropFirst() {
            let name = part.prefix { $0.isLetter || $0 == "-" }
            if !name.isEmpty { #expect(access("\(Repository.root)/scripts/\(name)", X_OK) == 0, "\(document): scripts/\(name)") }
        }
    }
}
