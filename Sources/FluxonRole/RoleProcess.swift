internal import FluxonCore
internal import FluxonSystem
internal import FluxonVersion
internal import Glibc
package import Logging
package import ServiceLifecycle
internal import UnixSignals

/// What every role's process does around its service: read the configuration, log, end on SIGTERM and SIGINT, and on SIGHUP go on in a
/// log file that is there anew (logrotate). SIGHUP never ends a role: the terminal that it came from may be gone, the values are not.
package enum RoleProcess {
    /// Largest configuration file that is read.
    private static let configurationBytes = 1 << 20

    /// Runs a role until a signal or its service's end. A wrong configuration exits with 64, what the service cannot go on with with 1;
    /// both say why on standard error.
    ///
    /// - Parameters:
    ///   - label: Of the log: `fluxon.master` and so on.
    ///   - file: The configuration.
    package static func run<Configuration: RoleConfiguration>(
        _ label: String, file: String, _ type: Configuration.Type, service: (Configuration, Logger) -> some Service
    ) async {
        // A peer that is gone is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        let configuration: Configuration
        let logger: Logger
        let logFile: LogFile?
        do {
            configuration = try Configuration(yaml: readText(file), file: file)
            logFile = try configuration.logPath.map { try LogFile(label: label, path: $0) }
            logger = makeLogger(label, configuration, logFile)
        } catch { fail(label, error, status: 64) }
        let build = BuildIdentity.current
        logger.info("starts", metadata: ["fluxon.commit": "\(build.commit)", "fluxon.protocol": "\(build.protocolVersion)"])
        let reopening = Task {
            for await _ in await UnixSignalsSequence(trapping: .sighup) {
                logFile?.reopen()
                logger.notice("log file opened again, as SIGHUP asks")
            }
        }
        defer { reopening.cancel() }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: service(configuration, logger), successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger)))
        do { try await group.run() } catch is CancellationError {} catch {
            logger.critical("cannot go on", metadata: ["fluxon.error": "\(error)"])
            fail(label, error, status: 1)
        }
    }

    private static func readText(_ path: String) throws -> String {
        let bytes = try File.readAll(path, limit: configurationBytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FluxonError(.invalidConfiguration, "\(path) is not UTF-8 text; save it as UTF-8")
        }
        return text
    }

    private static func makeLogger(_ label: String, _ configuration: some RoleConfiguration, _ file: LogFile?) -> Logger {
        var logger = Logger(label: label) { label in
            let console = StreamLogHandler.standardError(label: label)
            guard let file else { return console }
            return MultiplexLogHandler([console, file])
        }
        logger.logLevel = Logger.Level(rawValue: configuration.logLevel.rawValue) ?? .info
        logger[metadataKey: "fluxon.instance"] = "\(configuration.instanceKey)"
        return logger
    }

    /// The program's name stands before its last words, as in every program: several write to one terminal or journal.
    private static func fail(_ label: String, _ error: any Error, status: Int32) -> Never {
        say("\(error)", program: label.split(separator: ".").joined(separator: "-"))
        exit(status)
    }

    static func say(_ text: String, program: String) {
        let bytes = Array("\(program): \(text)\n".utf8)
        // Nothing is left to be told about a standard error that takes nothing.
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// The group tells of every step of its own; only its warnings matter.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
