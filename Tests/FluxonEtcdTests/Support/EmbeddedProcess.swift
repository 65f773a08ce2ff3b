import Foundation
import Glibc

/// The embedded server in a process of its own.
final class EmbeddedProcess: @unchecked Sendable {
    // SAFETY: tests call it from one task at a time.
    private let path: String
    private let openFiles: Int?
    private(set) var endpoint = "127.0.0.1:0"
    private var process = Process()
    private var input = Pipe()

    /// The file of everything that it logs.
    var logPath: String { path + ".log" }
    private let log: FileHandle

    /// Starts it on the file `path`, on a free port; it listens when this returns.
    ///
    /// - Parameter openFiles: How many files it may have open; nil: as many as this process.
    init(path: String, openFiles: Int? = nil) throws {
        self.path = path
        self.openFiles = openFiles
        _ = FileManager.default.createFile(atPath: path + ".log", contents: nil)
        log = try FileHandle(forUpdating: URL(fileURLWithPath: path + ".log"))
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
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("fluxon-test-etcd").path
        let limit = openFiles.map { "ulimit -n \($0); " } ?? ""
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", limit + #"exec "$0" "$@""#, program, path, endpoint]
        process.standardError = log
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = output.fileHandleForReading.availableData
        endpoint = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
