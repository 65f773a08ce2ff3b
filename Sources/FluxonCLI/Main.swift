import ArgumentParser
import FluxonCore
import FluxonVersion

/// `fluxon`: parses, runs one command, and ends with 0 (fine), 1 (failed), 3 (no such key) or 64 (usage).
@main enum Main {
    static func main() async {
        do {
            var command = try FluxonCommand.parseAsRoot(CommandLineBytes.arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            try Terminal.checkOutput()
        } catch {
            finish(error)
        }
    }

    /// Says what went wrong where nobody has yet, and ends with the code that says so to a script.
    private static func finish(_ error: any Error) -> Never {
        let failure: CommandFailure
        switch error {
        case let known as CommandFailure: failure = known
        case let code as ExitCode: end(code)
        default:
            let code = FluxonCommand.exitCode(for: error)
            guard code == .failure else {
                // What ArgumentParser makes itself: usage, help, version.
                let text = FluxonCommand.fullMessage(for: error)
                let prefix = "Error: "
                if code.isSuccess {
                    Terminal.line(text)
                } else {
                    Terminal.error(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
                }
                end(code)
            }
            failure = CommandFailure(error)
        }
        Terminal.error(failure.message)
        if CommandLine.arguments.contains("--json") {
            let code = failure.code.map { [("code", JSONValue.string($0))] } ?? []
            Terminal.line(
                JSONValue.object([("error", .string(failure.message))] + code + [("exit_code", .integer(Int64(failure.exitCode)))]).text())
        }
        end(ExitCode(failure.exitCode))
    }

    /// Whatever the command came to, an answer that could not be written is a failure: a script would take what is there for all.
    private static func end(_ code: ExitCode) -> Never {
        do { try Terminal.checkOutput() } catch {
            Terminal.error(error.message)
            FluxonCommand.exit(withError: ExitCode(error.exitCode))
        }
        FluxonCommand.exit(withError: code)
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
