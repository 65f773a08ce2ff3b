import Foundation
import Glibc

/// The embedded server in a process of its own.
final class EmbeddedProcess: @unchecked Sendable {
    // SAFETY: tests call it from one task at a time.
    private let path: String
    private(set) var endpoint = "127.0.0.1:0"
    private var process = Process()
    private var input = Pipe()

    /// Starts it on the file `path`, on a free port; it listens when this returns.
    init(path: String) throws {
        self.path = path
        try start()
    }

    deinit { kill() }

    func kill() {
        guard process.isRunning else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// On the same port, with the same file.
    func start() throws {
        process = Process()
        input = Pipe()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("fluxon-test-etcd")
        process.arguments = [path, endpoint]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = output.fileHandleForReading.availableData
        endpoint = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
