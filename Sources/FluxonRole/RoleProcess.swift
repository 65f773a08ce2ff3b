internal import FluxonCore
internal import FluxonSystem
internal import Glibc
package import Logging
package import ServiceLifecycle
internal import UnixSignals

/// What every role's process does around its service: read the configuration, log to standard error, end on SIGTERM and SIGINT.
package enum RoleProcess {
    /// Largest configuration file that is read.
    private static let configurationBytes = 1 << 20

    /// The text of a configuration file.
    package static func readConfiguration(_ path: String) throws -> String {
        let bytes = try File.readAll(path, limit: configurationBytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FluxonError(.invalidConfiguration, "\(path) is not UTF-8 text; save it as UTF-8")
        }
        return text
    }

    /// - Parameter level: One of swift-log's names; anything else is `info`.
    package static func logger(label: String, level: String) -> Logger {
        var logger = Logger(label: label, factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = Logger.Level(rawValue: level) ?? .info
        return logger
    }

    /// Runs until a signal or the service's end. What the service cannot go on with goes to standard error, and the process exits with 1.
    package static func run(_ service: some Service, logger: Logger) async {
        // A peer that is gone is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger)))
        do { try await group.run() } catch is CancellationError {} catch {
            report(error)
            exit(1)
        }
    }

    /// Says what is wrong, for people.
    package static func report(_ error: any Error) {
        let text = Array("\(error)\n".utf8)
        // Nothing is left to be told about a standard error that takes nothing.
        _ = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// The group tells of every step of its own; only its warnings matter.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
