private import CFluxonFaults
import FluxonCore
import FluxonSystem
private import Foundation
import Glibc

/// A real process of a test cluster, started, signalled, started again.
final class RoleProcess: @unchecked Sendable {
    // SAFETY: one test drives one cluster, from one task at a time.
    let name: String
    private let executable: String
    private let arguments: [String]
    private let folder: String
    private let announcesReadiness: Bool
    private let environment: [String: String]
    private var child: ChildProcess?

    init(
        name: String, executable: String, arguments: [String], folder: String, announcesReadiness: Bool = true,
        environment: [String: String] = [:]
    ) {
        self.environment = environment
        self.name = name
        self.executable = executable
        self.arguments = arguments
        self.folder = folder
        self.announcesReadiness = announcesReadiness
    }

    deinit { signal(SIGKILL) }

    var logPath: String { "\(folder)/\(name).log" }
    var processID: Int32? { child?.process.processID }

    /// Starts the process and waits until it says that it is ready.
    func start(within limit: Duration = .seconds(30)) throws {
        try launch()
        try awaitReadiness(within: limit)
    }

    private var notifications: ServiceNotificationSocket?

    /// Starts the process without waiting.
    func launch() throws {
        let log = Descriptor(owning: open(logPath, O_WRONLY | O_CREAT | O_APPEND, 0o640))
        let socket = try ServiceNotificationSocket(path: "\(folder)/\(name).notify")
        var environment = environment
        environment["NOTIFY_SOCKET"] = socket.path
        if let path = getenv("PATH") { environment["PATH"] = String(cString: path) }
        if let libraries = getenv("LD_LIBRARY_PATH") { environment["LD_LIBRARY_PATH"] = String(cString: libraries) }
        child = try ChildProcess(executable: executable, arguments: arguments, environment: environment, output: log)
        notifications = consume socket
    }

    func awaitReadiness(within limit: Duration) throws {
        guard announcesReadiness, let process = child?.process.descriptor.number, let socket = notifications?.descriptor.number else {
            return
        }
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let readable = try Kernel.waitReadable([socket, process], timeout: deadline - ContinuousClock.now)
            if readable[0], try notifications?.receive().contains(.ready) == true { return }
            if readable[1] { throw RoleFailure(what: "\(name) ended before it was ready", log: log) }
        }
        throw RoleFailure(what: "\(name) was not ready within \(limit)", log: log)
    }

    /// How the process ended by itself, once.
    func ending() -> ChildProcess.Ending? {
        guard let ending = (try? child?.reap()) ?? nil else { return nil }
        child = nil
        return ending
    }

    /// How the process ends, when it does so by itself within this time.
    func awaitEnd(within limit: Duration) -> ChildProcess.Ending? {
        guard let process = child?.process.descriptor.number else { return nil }
        _ = try? Kernel.waitReadable([process], timeout: limit)
        return ending()
    }

    func signal(_ number: CInt) { try? child?.process.signal(number) }

    /// Shuts every connection down that the process has over Unix sockets and TCP, as its peers or the network might.
    ///
    /// - Returns: how many there were.
    func shutDownConnections(_ direction: CInt) -> Int {
        guard let process = child?.process.descriptor.number, let number = processID,
            let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(number)/fd")
        else { return 0 }
        return names.compactMap { CInt($0) }.count { cfluxon_shutdown_of(process, $0, direction) == 1 }
    }

    /// Ends the process for sure and waits for its death.
    func kill() {
        guard let process = child?.process.descriptor.number else { return }
        signal(SIGKILL)
        _ = try? Kernel.waitReadable([process], timeout: .seconds(10))
        _ = try? child?.reap()
        child = nil
    }

    /// Asks the process to stop and waits for it.
    ///
    /// - Returns: its ending; nil when it did not stop in time and was killed.
    func stop(within limit: Duration = .seconds(10)) -> ChildProcess.Ending? {
        guard let process = child?.process.descriptor.number else { return nil }
        signal(SIGTERM)
        let hasEnded = (try? Kernel.waitReadable([process], timeout: limit))?.first ?? false
        let ending = hasEnded ? (try? child?.reap()) ?? nil : nil
        kill()
        return ending
    }

    var log: String { (try? File.readAll(logPath, limit: 4 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? "" }
}

struct RoleFailure: Error, CustomStringConvertible {
    let what: String
    let log: String
    var description: String { "\(what); its log ends:\n\(log.suffix(2000))" }
}
