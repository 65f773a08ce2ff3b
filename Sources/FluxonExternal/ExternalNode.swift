package import FluxonCore
internal import FluxonSystem
package import Logging
internal import ServiceLifecycle

/// An external process: serves its socket until it is told to stop. Without an owner it waits, and says so to whoever attaches.
package final class ExternalNode {
    private let configuration: ExternalConfiguration
    private let logger: Logger

    package init(_ configuration: ExternalConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    package func run() async throws {
        let loop = try EventLoop.started(name: "external")
        defer { loop.stop() }
        try await withTaskExecutorPreference(loop.taskExecutor) {
            let sidecar = SidecarActor(loop: loop, configuration: configuration, logger: logger)
            let problem = try ownerProblem()
            let (failures, failure) = AsyncStream.makeStream(of: FluxonError.self)
            try await sidecar.start { failure.yield($0) }
            ServiceNotifier.ready()
            ServiceNotifier.status(problem.map { "waits for an owner: \($0.message)" } ?? "serves \(configuration.socketPath)")
            let end = await Self.end(failures)
            ServiceNotifier.stopping()
            await sidecar.stop()
            if let end { throw end }
        }
    }

    /// Waits for a graceful shutdown (nil) or for what this sidecar cannot go on with.
    private static func end(_ failures: AsyncStream<FluxonError>) async -> FluxonError? {
        await withTaskGroup(of: FluxonError?.self) { group in
            group.addTask {
                try? await gracefulShutdown()
                return nil
            }
            group.addTask {
                for await failure in failures { return failure }
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    /// Why nobody can be attached yet. An owner that is not there may come; one of another cluster or version will not do.
    private func ownerProblem() throws(FluxonError) -> FluxonError? {
        do {
            _ = try OwnerLocation(configuration)
            return nil
        } catch {
            guard error.code == .connectionFailed else { throw error }
            logger.warning("no owner yet", metadata: ["fluxon.error": "\(error)"])
            return error
        }
    }
}

extension ExternalNode: Service {}
