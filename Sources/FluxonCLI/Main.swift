import ArgumentParser

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
        } catch let failure as CommandFailure {
            Terminal.error(failure.message)
            FluxonCommand.exit(withError: ExitCode(failure.exitCode))
        } catch {
            FluxonCommand.exit(withError: error)
        }
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
        subcommands: [DevCommand.self])
}
