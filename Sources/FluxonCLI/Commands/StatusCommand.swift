import ArgumentParser
import FluxonCore

/// `fluxon status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how the process attached to, its owner and its master fare.")

    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        let answer = try await control.status()
        guard !attach.json else {
            let sections = answer.sections.map { section in
                (name: section.title, value: JSONValue.object(section.figures.map { ($0.name, Self.value($0.value)) }))
            }
            Terminal.line(JSONValue.object(sections).text())
            return
        }
        for (index, section) in answer.sections.enumerated() {
            if index > 0 { Terminal.line("") }
            Terminal.line(Terminal.bold(section.title))
            let width = section.figures.map(\.name.count).max() ?? 0
            for figure in section.figures {
                Terminal.line("  \(figure.name)\(String(repeating: " ", count: width - figure.name.count + 2))\(figure.value)")
            }
        }
    }

    /// Whole numbers and truth values as such, all else as text.
    private static func value(_ text: String) -> JSONValue {
        UInt64(text).map { .unsigned($0) } ?? Bool(text).map { .bool($0) } ?? .string(text)
    }
}
