import FluxonCore

/// Why a command ended, and the exit code that says so to a script.
struct CommandFailure: Error {
    var message: String
    var exitCode: Int32
    /// The name of the error's code, for scripts; nil: it is the command's own.
    var code: String?

    static func failed(_ message: String) -> CommandFailure { CommandFailure(message: message, exitCode: 1) }
    static func noSuchKey(_ message: String) -> CommandFailure { CommandFailure(message: message, exitCode: 3) }
    /// What an operation of the store, or anything else, ended with.
    init(_ error: any Error) {
        self.init(message: "\(error)", exitCode: 1, code: (error as? FluxonError).map { "\($0.code)" })
    }

    init(message: String, exitCode: Int32, code: String? = nil) {
        self.message = message
        self.exitCode = exitCode
        self.code = code
    }

    static func usage(_ message: String) -> CommandFailure { CommandFailure(message: message, exitCode: 64) }
}
