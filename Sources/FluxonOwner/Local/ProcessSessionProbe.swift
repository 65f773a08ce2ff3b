import FluxonCore
package import FluxonPool
import FluxonRPC
package import FluxonSystem
private import Glibc

/// One attached process at an owner of its own, without sockets: its messages go in as bytes. For fuzzing and tests; on the loop only.
package final class ProcessSessionProbe {
    package let pool: Pool
    package let backend: StandaloneBackend
    private let service: LocalService
    private let session: ProcessSession
    private var stream: RPCStream?

    /// - Parameters:
    ///   - maps: Whether the process maps the pool; else its values are copied.
    ///   - mayWrite: Whether it writes into extents of its own.
    package init(loop: EventLoop, capacityBytes: Int, maps: Bool, mayWrite: Bool) throws {
        pool = try Pool(PoolStorage.anonymous(capacityBytes: capacityBytes, hashSeed: 7), epoch: 1)
        backend = StandaloneBackend(pool: pool, loop: loop)
        let identity = LocalIdentity(clusterName: "probe", owner: InstanceKey("owner"), generation: Generation(1))
        service = LocalService(loop: loop, server: RPCServer(loop: loop), pool: pool, backend: backend, identity: identity)
        let process = ProcessIdentity(
            descriptor: try ProcessDescriptor(processID: getpid()), processID: getpid(), userID: getuid(), mayWrite: mayWrite)
        session = try ProcessSession(
            number: 1, service: service, process: process, name: "probe",
            attachment: maps ? pool.attach(process: 1, canPut: mayWrite) : nil,
            mayWrite: maps && mayWrite)
    }

    /// The process's stream, first or anew.
    package func connect() {
        let new = RPCStream(path: MethodPath.localSession, metadata: RPCMetadata(), limits: RPCLimits())
        session.connect(LocalChannel(new, loop: service.loop))
        replaceStream(with: new)
    }

    /// On no connection a stream does not end by itself, and would keep its channel and all answers that nobody reads.
    private func replaceStream(with new: RPCStream?) {
        stream?.cancel()
        stream = new
    }

    package func receive(_ message: [UInt8]) { stream?.onMessage?(message) }

    /// What the process may write into now.
    package var grantedExtents: [Extent] { session.ledger.grantedExtents }

    /// The process dies, and every value is evicted.
    ///
    /// - Returns: What is left in the pool although nobody uses it; nil when everything came back.
    package func end() -> String? {
        backend.isHeld = false
        session.end()
        replaceStream(with: nil)
        while let copy = pool.evictionCandidate(), backend.evict(copy) {}
        pool.collect()
        let statistics = pool.statistics
        guard statistics.liveExtents == 0, statistics.publishedEntries == 0, statistics.retiredEntries == 0 else {
            return "the pool is not empty: \(statistics)"
        }
        return nil
    }
}
