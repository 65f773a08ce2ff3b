import FluxonCore
import FluxonSystem
import Logging

/// Gives a sidecar its thread of control: an actor pinned to the loop that the sidecar lives on.
actor SidecarActor {
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private nonisolated let executor: LoopSerialExecutor
    private let loop: EventLoop
    private let configuration: ExternalConfiguration
    private let logger: Logger
    private var sidecar: Sidecar?

    init(loop: EventLoop, configuration: ExternalConfiguration, logger: Logger) {
        self.loop = loop
        self.configuration = configuration
        self.logger = logger
        executor = loop.serialExecutor
    }

    /// Makes the socket and joins the cluster. Once.
    ///
    /// - Parameter onFatal: Called on the loop with what this sidecar cannot go on with.
    func start(onFatal: @escaping @Sendable (FluxonError) -> Void) throws(FluxonError) {
        let sidecar = Sidecar(loop: loop, configuration: configuration, logger: logger)
        sidecar.onFatal = onFatal
        try sidecar.start()
        self.sidecar = sidecar
    }

    func stop() {
        sidecar?.stop()
        sidecar = nil
    }

    var attachedProcesses: [Int32] { sidecar?.attachedProcesses ?? [] }
}
