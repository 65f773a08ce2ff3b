package import FluxonCore
package import FluxonSystem
package import Logging

/// The isolation of everything that touches an owner's pool: the pool itself, the rules of its copies, its processes, its link.
///
///     processes ─▶ LocalService ─▶ ReplicaDriver(ReplicaTable, Pool) ─▶ MasterLink ─▶ master
///                                        │ ▲
///                                        ▼ │ bytes
///                                  ReplicaFetcher ─▶ TransferActor ═══ other owners
///
/// They are plain objects on one event loop and call each other without a hop.
package actor PoolActor {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }

    private let configuration: OwnerConfiguration
    private let logger: Logger
    private let makeDevices: OwnerNode.DevicesMaker
    private var parts: OwnerParts?
    /// What etcd does not serve, by what it is wanted for.
    private var troubles: [String: StateLog<String>] = [:]

    package init(loop: EventLoop, configuration: OwnerConfiguration, makeDevices: @escaping OwnerNode.DevicesMaker, logger: Logger) {
        self.makeDevices = makeDevices
        self.loop = loop
        self.configuration = configuration
        self.logger = logger
    }

    /// Makes the pool, listens, waits for a master.
    ///
    /// - Parameters:
    ///   - onReady: Called once, when a master has taken this owner and processes may attach.
    ///   - onFatal: Called once, with what this owner cannot go on with.
    package func start(onReady: @escaping @Sendable () -> Void, onFatal: @escaping @Sendable (FluxonError) -> Void) throws {
        parts = try OwnerParts(
            loop: loop, configuration: configuration, devices: makeDevices(loop, configuration.network), logger: logger, onReady: onReady,
            onFatal: onFatal)
    }

    /// The leader key changed.
    package func leaderChanged(to address: SocketAddress?) { parts?.link.leaderChanged(to: address) }

    /// What etcd holds about this owner's devices; nil: nothing.
    package func networkRecorded(_ text: String?, revision: UInt64) { parts?.networkRecorded(text, revision: revision) }

    /// What stands in the way of a master, as etcd has told it; nil: nothing that etcd knows of.
    package func waits(for finding: (problem: String, remedy: String)?) { parts?.waiting = finding }

    package var hasLeader: Bool { parts?.link.hasLeader ?? false }

    /// A master has taken this owner: what it holds may be all there is of a value, and no word of etcd's ends it any more.
    package var mayHoldValues: Bool { parts?.isServing ?? false }

    /// It has joined at a master, which neither takes it nor says why not.
    package var isUnanswered: Bool { parts.map { $0.link.hasJoined && !$0.isServing && !$0.link.isTroubled } ?? false }

    /// etcd does not serve this owner, which tries on.
    package func etcdFailed(_ what: String, _ error: String) {
        guard let count = troubles[what, default: StateLog()].note(error, now: loop.now) else { return }
        ServiceNotifier.status("waits: \(error)")
        logger.warning("\(what); trying on", metadata: ["fluxon.error": "\(error)", "fluxon.times": "\(count)"])
    }

    package func etcdServes(_ what: String) {
        if troubles.removeValue(forKey: what) != nil { logger.notice("etcd serves again", metadata: ["fluxon.was": "\(what)"]) }
    }

    /// Ends the pool for its readers and closes everything.
    package func stop() {
        parts?.stop()
        parts = nil
    }
}
