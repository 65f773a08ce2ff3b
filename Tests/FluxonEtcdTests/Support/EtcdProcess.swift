import FluxonTestFiles
import Foundation
import Glibc

/// Debian's etcd as a child of one test: on a free loopback port, with its data in a folder of the test.
final class EtcdProcess: @unchecked Sendable {
    // SAFETY: tests call it from one task at a time.
    let port: UInt16
    private let folder: TemporaryFolder
    private let extraArguments: [String]
    private let scheme: String
    private var process: Process

    var endpoint: String { "\(scheme)://127.0.0.1:\(port)" }

    /// Starts it; whether it answers already is for the caller to ask.
    init(folder: TemporaryFolder, scheme: String = "http", arguments: [String] = []) throws {
        self.folder = folder
        self.scheme = scheme
        extraArguments = arguments
        port = try Self.freePort()
        process = Process()
        try start()
    }

    deinit { kill() }

    /// Members of one cluster. They answer once most of them run.
    static func cluster(of count: Int, folder: TemporaryFolder) throws -> [EtcdProcess] {
        let peers = try (0..<count).map { ("member\($0)", "http://127.0.0.1:\(try freePort())") }
        let all = peers.map { "\($0.0)=\($0.1)" }.joined(separator: ",")
        return try peers.map { name, url in
            try EtcdProcess(
                folder: folder,
                arguments: [
                    "--name", name, "--listen-peer-urls", url, "--initial-advertise-peer-urls", url, "--initial-cluster", all,
                ])
        }
    }

    /// As after a crash: nothing is flushed, nobody is told.
    func kill() {
        guard process.isRunning else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Stopped in fact when this returns: the signal alone may reach a busy process later than a request does.
    func pause() {
        Glibc.kill(process.processIdentifier, SIGSTOP)
        while process.isRunning {
            let status = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
            if status?.split(separator: ")").last?.hasPrefix(" T") ?? true { return }
            sched_yield()
        }
    }

    func resume() { Glibc.kill(process.processIdentifier, SIGCONT) }

    /// On the same port, with the same data.
    func start() throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/etcd")
        process.arguments =
            [
                "--name", "m0", "--data-dir", folder.file("etcd-\(port)"), "--log-level", "error", "--logger", "zap",
                "--log-outputs", folder.file("etcd-\(port).log"), "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
                "--listen-peer-urls", "http://127.0.0.1:0", "--initial-advertise-peer-urls", "http://127.0.0.1:0",
                "--initial-cluster", "m0=http://127.0.0.1:0", "--heartbeat-interval", "20", "--election-timeout", "200",
            ] + extraArguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    /// A port that was free a moment ago.
    static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(socket, generic, length) == 0 ? getsockname(socket, generic, &length) : -1
            }
        }
        guard result == 0 else { throw CocoaError(.fileReadUnknown) }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// Runs a program to its end.
func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    return try await withCheckedThrowingContinuation { continuation in
        // Reading blocks: on a thread of its own, so that it holds up no task.
        Thread.detachNewThread {
            do {
                try process.run()
                let data = output.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(returning: (process.terminationStatus, String(decoding: data, as: UTF8.self)))
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
