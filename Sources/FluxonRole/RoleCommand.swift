package import ArgumentParser

/// A role's command line. What it cannot take is refused under the program's name, as every failure of a role is.
package protocol RoleCommand: AsyncParsableCommand {}

extension RoleCommand {
    package static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let code = exitCode(for: error)
            guard !code.isSuccess else { exit(withError: error) }
            let (text, prefix) = (fullMessage(for: error), "Error: ")
            RoleProcess.say(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text, program: _commandName)
            exit(withError: code)
        }
    }
}
