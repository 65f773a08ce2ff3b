import ArgumentParser
import FluxonCore
import FluxonVersion

/// `fluxon`: parses, runs one command, and ends with 0 (fine), 1 (failed), 3 (no such key) or 64 (usage).
@main enum Main {
    static func main() async {
        do {
            var command = try FluxonCommand.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            finish(error)
        }
    }

    /// Says what went wrong where nobody has yet, and ends with the code that says so to a script.
    private static func finish(_ error: any Error) -> Never {
        let failure: CommandFailure
        switch error {
        case let known as CommandFailure: failure = known
        // What ArgumentParser makes itself (usage, help, version) it also prints.
        case is ExitCode, is CleanExit: FluxonCommand.exit(withError: error)
        default:
            guard FluxonCommand.exitCode(for: error) == .failure else { FluxonCommand.exit(withError: error) }
            failure = .failed("\(error)")
        }
        Terminal.error(failure.message)
        if CommandLine.arguments.contains("--json") {
            Terminal.line(JSONValue.object([("error", .string(failure.message)), ("exit_code", .integer(Int64(failure.exitCode)))]).text())
        }
        FluxonCommand.exit(withError: ExitCode(failure.exitCode))
    }
}

struct FluxonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxon",
        abstract: "Share large values between processes and machines at the speed of memory.",
        discussion: """
            Start with `fluxon dev`: it runs a cluster on this machine until Ctrl-C and says how to use it.

            Exit codes: 0 fine, 1 failed, 3 no such key, 64 wrong usage.
            """,
        version: BuildIdentity.current.line(of: "fluxon"),
        subcommands: [
            DevCommand.self, KVCommand.self, MembersCommand.self, NetworkCommand.self, StatusCommand.self, MetricsCommand.self,
            RecoverCommand.self, BenchCommand.self, VersionCommand.self,
        ])
}
