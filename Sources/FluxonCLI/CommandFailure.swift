/// Why a command ended, and the exit code that says so to a script.
struct CommandFailure: Error {
    var message: String
    var exitCode: Int32

    static func failed(_ message: String) -> CommandFailure { CommandFailure(message: message, exitCode: 1) }
    static func noSuchKey(_ message: String) -> CommandFailure { CommandFailure(message: message, exitCode: 3) }
    static func usage(_ message: String) -> CommandFailure { CommandFailure(message: message, exitCode: 64) }
}
