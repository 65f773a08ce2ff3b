public import FluxonCore
internal import FluxonPool
internal import FluxonSystem

/// A process's access to its cluster, through the owner of its machine: get, put, remove, exists, size.
///
///     let store = try await Store.connect(to: "/run/fluxon/owner/shared.json")
///     try await store.put("greeting", "hello")
///     if let value = try await store.get("greeting") { value.withBytes { print($0.byteCount) } }
///
/// A put, remove or conditional operation that has returned is seen by every later get on every machine. Usable from any thread and
/// task. When the owner restarts, the store attaches again by itself; calls wait for that up to their deadline. In a forked child
/// every call fails with `.closed`.
public final class Store: Sendable {
    public struct Options: Hashable, Sendable {
        /// The cluster that must be found; nil takes any.
        public var clusterName: String?
        /// How this process is called in `fluxon status`, beside its number. Default: nothing more.
        public var name = ""
        /// How long a call waits that names no deadline of its own. Default: 30 s.
        public var timeout: Duration
        /// How long `connect` waits for an answer. Default: 5 s.
        public var connectTimeout: Duration
        /// Map the pool. Without it every value is copied over the socket. Default: true.
        public var usesSharedMemory = true
        /// Bring all pages of the pool in once connected, on a thread beside the caller's, so that gets pay no first touch. Default: true.
        public var prefaults = true

        public init() {
            timeout = Limits.defaultCallTimeout
            connectTimeout = Limits.attachTimeout
        }
    }

    let core: StoreCore
    let defaultTimeout: Duration

    private init(_ core: StoreCore, defaultTimeout: Duration) {
        self.core = core
        self.defaultTimeout = defaultTimeout
    }

    deinit { core.close() }

    /// Attaches to the owner or sidecar at `path`: its Unix socket, or the `shared.json` of an owner.
    ///
    /// - Throws: `.connectionFailed` when nobody serves there, `.clusterMismatch`, `.versionMismatch`, `.permissionDenied`,
    ///   `.invalidArgument` for a path that cannot be one, `.system`.
    public nonisolated(nonsending) static func connect(to path: String, options: Options = Options()) async throws(FluxonError) -> Store {
        let core = try StoreCore(target: AttachTarget(path: path), options: options)
        do throws(FluxonError) {
            try await core.start()
        } catch {
            core.close()
            throw error
        }
        return Store(core, defaultTimeout: options.timeout)
    }

    /// Ends the connection: calls under way end with `.closed`, sent puts with `.unknownOutcome`. Values stay readable.
    public func close() { core.close() }

    /// The cluster that this store is attached to, and its owner.
    public var clusterName: String { core.attachment?.clusterName ?? "" }
    public var ownerName: String { core.attachment?.ownerName ?? "" }
    /// Size of the owner's pool, which no value can exceed; while nobody knows it there is no limit.
    package var poolByteCount: Int { core.attachment?.poolByteCount ?? .max }
    /// Whether values are read in place. False: they are copied by the owner, since this process has another clock or lacks the rights.
    public var isMapped: Bool { core.attachment?.view != nil }

    /// The thread that this store's answers arrive on, for code whose latency counts more than anything beside it:
    ///
    ///     Task(executorPreference: store.taskExecutor) { try await store.put("key", value) }
    ///
    /// A task there has its answer without another thread being woken, a quarter of what a put costs on an idle machine. While such a
    /// task computes, no answer of this store is read: keep what stands between two calls short, and never block. After `close` such
    /// tasks go on where others do.
    public var taskExecutor: any TaskExecutor { core.taskExecutor }

    func deadline(_ timeout: Duration?) -> BootInstant { BootClock.now.advanced(by: timeout ?? defaultTimeout) }
}
