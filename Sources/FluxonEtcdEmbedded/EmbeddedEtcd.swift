private import FluxonCore
internal import FluxonEtcd
internal import FluxonRPC
package import FluxonSystem
package import Logging

/// The subset of etcd's API that Fluxon uses, served from a SQLite file: KV, Watch, Lease and Status, for one machine, without users.
///
/// It lives on a loop of its own, since a commit waits for the disk. What was acknowledged survives `kill -9` and a loss of power.
package actor EmbeddedEtcd {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }

    private let service: MetadataService
    private let logger: Logger?
    private let onFailure: @Sendable (any Error) -> Void
    private var isFailed = false
    /// Nil once stopped: its handlers hold this actor.
    private var server: RPCServer?
    private var isFlushScheduled = false
    private var leaseTimer: LoopTimer?
    /// Unary methods in the order of their paths; held for as long as the server may call them.
    private var methods: [String: ([UInt8], @escaping MetadataService.Answer) -> Void] = [:]
    /// Watches and keep-alives, which do not end by themselves.
    private var openStreams: [ObjectIdentifier: RPCStream] = [:]
    /// How long calls at work may go on after `stop`.
    private static let drainTime = Duration.seconds(2)

    /// Opens the file and serves it. Leases that were stored have their full time again from now on.
    ///
    /// - Parameters:
    ///   - path: The SQLite file; made if it is missing, its folder must exist.
    ///   - address: Port 0 lets the system choose.
    ///   - logger: Hears of clients that were cut off.
    ///   - onFailure: Called once, on the server's loop, when the file failed: nothing but refusals comes then, until a new start.
    /// - Returns: The server, and the address with the port that it is bound to.
    /// - Throws: `MetadataStoreError`, or what the loop or the socket throws.
    package static func start(
        path: String, listen address: SocketAddress, logger: Logger? = nil, onFailure: @escaping @Sendable (any Error) -> Void = { _ in }
    ) async throws -> (server: EmbeddedEtcd, address: SocketAddress) {
        let loop = try EventLoop.started(name: "fluxon-etcd")
        do {
            let embedded = try await EmbeddedEtcd(path: path, loop: loop, logger: logger, onFailure: onFailure)
            return (embedded, try await embedded.listen(address))
        } catch {
            loop.stop()
            throw error
        }
    }

    private init(path: String, loop: EventLoop, logger: Logger?, onFailure: @escaping @Sendable (any Error) -> Void) async throws {
        self.loop = loop
        self.logger = logger
        self.onFailure = onFailure
        service = try MetadataService(store: try MetadataStore(path: path), clock: { loop.now })
    }

    /// Ends the streams, closes the file and ends the loop. A call that is at work is answered first.
    package func stop() async {
        leaseTimer?.cancel()
        let fault = EtcdFault.stopped
        for stream in openStreams.values { stream.finish(Self.status(fault)) }
        guard let server else { return }
        self.server = nil
        await withCheckedContinuation { continuation in
            server.drain(within: Self.drainTime) { continuation.resume() }
        }
        if service.needsFlush { service.flush() }
        service.store.close()
        loop.stop()
    }

    private func listen(_ address: SocketAddress) throws -> SocketAddress {
        let limits = RPCLimits.with { $0.receivedMessageBytes = MetadataService.mostRequestBytes + MetadataService.overheadBytes }
        let server = RPCServer(loop: loop, limits: limits, logger: logger)
        _ = RPCHealth(on: server)
        self.server = server
        methods = service.methods
        for (path, method) in methods { serveUnary(path, method) }
        server.handle(EtcdMethod.leaseKeepAlive) { self.serveKeepAlive($0) }
        server.handle(EtcdMethod.watch) { self.serveWatch($0) }
        armLeaseTimer()
        let bound = try server.listen(address)
        service.clientURL = "http://\(Self.reachable(bound))"
        return bound
    }

    private func serveUnary(_ path: String, _ method: @escaping ([UInt8], @escaping MetadataService.Answer) -> Void) {
        server?.unaryLater(path) { message, stream in
            method(message) { result in
                switch result {
                case .success(let answer):
                    stream.send(answer)
                    stream.finish(.ok)
                case .failure(let error): stream.finish(Self.status(error))
                }
            }
            self.scheduleFlush()
        }
    }

    /// An address of one machine for its clients: of all that it has, the one that each of them has.
    private static func reachable(_ bound: SocketAddress) -> SocketAddress {
        guard case .tcp(let host, let port) = bound, host == "0.0.0.0" || host == "::" else { return bound }
        return .tcp(host: "127.0.0.1", port: port)
    }

    private func serveKeepAlive(_ stream: RPCStream) {
        openStreams[ObjectIdentifier(stream)] = stream
        stream.onEnd = { [unowned stream] _ in self.openStreams[ObjectIdentifier(stream)] = nil }
        stream.onMessage = { message in
            do {
                stream.send(try self.service.keepAlive(message))
            } catch {
                stream.finish(Self.status(error))
            }
        }
        stream.onHalfClose = { stream.finish(.ok) }
    }

    private func serveWatch(_ stream: RPCStream) {
        openStreams[ObjectIdentifier(stream)] = stream
        let session = service.openWatch(send: { stream.send($0) }, isWritable: { stream.isWritable })
        func attempt(_ body: () throws -> Void) {
            do { try body() } catch { stream.finish(Self.status(error)) }
        }
        stream.onMessage = { message in attempt { try session.receive(message, committed: self.service.committed) } }
        stream.onWritable = { attempt { try session.pump(committed: self.service.committed, latest: nil) } }
        // Who asks for nothing more still wants to hear.
        stream.onHalfClose = {}
        stream.onEnd = { [unowned stream] _ in
            self.openStreams[ObjectIdentifier(stream)] = nil
            self.service.closeWatch(session)
        }
    }

    /// Once a turn: everything that the turn's messages wrote shares one wait for the disk.
    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.atEndOfTick {
            self.isFlushScheduled = false
            self.service.flush()
            if let failure = self.service.storageFailure, !self.isFailed {
                self.isFailed = true
                self.onFailure(failure)
            }
            self.armLeaseTimer()
        }
    }

    private func armLeaseTimer() {
        let deadline = service.nextLeaseDeadline
        guard deadline != leaseTimer?.deadline || deadline == nil else { return }
        leaseTimer?.cancel()
        leaseTimer = deadline.map { deadline in
            loop.schedule(at: deadline) {
                self.leaseTimer = nil
                self.service.expireLeases()
                self.scheduleFlush()
            }
        }
    }

    private static func status(_ error: any Error) -> RPCStatus {
        switch error {
        case let fault as EtcdFault: RPCStatus(RPCCode(rawValue: UInt8(clamping: fault.statusCode)) ?? .unknown, fault.rawValue)
        case let failure as MetadataStoreError: RPCStatus(.internalError, "\(failure)")
        // As of etcd's gRPC.
        default: RPCStatus(.internalError, "the message is no request of etcd: \(error)")
        }
    }
}
