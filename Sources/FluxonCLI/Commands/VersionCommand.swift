import ArgumentParser
import FluxonCore
import FluxonVersion

/// `fluxon version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Say which build this is: commit, protocol, and how it was built.",
        discussion: """
            Roles say the same with --version, and in the first line of their logs. Neighbouring numbers of the protocol work together. \
            The commit is known where scripts/install built it.
            """)

    @Flag(help: "Print one JSON object on standard output instead of text.")
    var json = false

    func run() {
        let build = BuildIdentity.current
        Terminal.line(json ? build.json(of: "fluxon").text() : build.line(of: "fluxon"))
    }
}
