import FluxonSystem
import Glibc
import Synchronization
import Testing

/// A program that is not ours, started by a test. Ended when this goes.
final class PeerProcess: @unchecked Sendable {
    // SAFETY: `exitCode` and `output` are used by one task at a time.
    private let processID: pid_t
    private let input: CInt
    private let output: CInt

    /// Debian's Python, since scripts/install-packages gives grpcio to that one.
    static let python = "/usr/bin/python3"
    static let peers: String = {
        var folder = #filePath.split(separator: "/")
        folder.removeLast()
        return "/" + folder.joined(separator: "/") + "/Peers"
    }()

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    init(_ program: String, _ arguments: [String]) throws {
        guard access(program, X_OK) == 0 else { throw Missing(description: "\(program) is missing: run scripts/install-packages test") }
        (input, output, processID) = try Self.spawning.withLock { _ in try Self.spawn(program, arguments) }
    }

    /// One at a time: the ends of a pipe are closed on exec only a moment after they are made.
    private static let spawning = Mutex(())

    private static func spawn(_ program: String, _ arguments: [String]) throws -> (Int32, Int32, pid_t) {
        var ends: [CInt] = [-1, -1]
        var otherEnds: [CInt] = [-1, -1]
        guard pipe(&ends) == 0, pipe(&otherEnds) == 0 else { throw SystemError("make pipes", errno: errno) }
        ends += otherEnds
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_adddup2(&actions, ends[3], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[3], 2)
        var texts: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        var process = pid_t()
        let result = posix_spawn(&process, program, &actions, nil, &texts, environ)
        for text in texts { free(text) }
        posix_spawn_file_actions_destroy(&actions)
        close(ends[0])
        close(ends[3])
        guard result == 0 else { throw SystemError("start \(program)", errno: result) }
        return (ends[1], ends[2], process)
    }

    deinit {
        kill(processID, SIGKILL)
        close(input)
        close(output)
        var status: CInt = 0
        waitpid(processID, &status, WNOHANG)
    }

    /// The first line of the output, on a thread of its own since it blocks.
    func firstLine() async throws -> String {
        try await blocking {
            var line: [UInt8] = []
            var byte: UInt8 = 0
            while Glibc.read(self.output, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
            return String(decoding: line, as: UTF8.self)
        }
    }

    /// Waits for the end: all of the output and the exit code.
    func finish() async throws -> (code: Int32, output: String) {
        try await blocking {
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = Glibc.read(self.output, &chunk, chunk.count)
                guard count > 0 else { break }
                bytes.append(contentsOf: chunk.prefix(count))
            }
            var status: CInt = 0
            waitpid(self.processID, &status, 0)
            let code = status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
            return (code, String(decoding: bytes, as: UTF8.self))
        }
    }

    private func blocking<T: Sendable>(_ body: @escaping @Sendable () -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try KernelThread.start(name: "test-peer", detached: true) { continuation.resume(returning: body()) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Runs to the end and expects exit code 0.
    static func run(_ program: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        let (code, output) = try await PeerProcess(program, arguments).finish()
        #expect(code == 0, "\(program) \(arguments.joined(separator: " ")): \(output)", sourceLocation: sourceLocation)
        return output
    }
}
