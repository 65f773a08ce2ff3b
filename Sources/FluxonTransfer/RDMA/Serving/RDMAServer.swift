import FluxonCore
import FluxonSystem

/// The owner's end of RDMA reads through one device: says where the bytes of a ticket lie, and keeps them there. On the loop only.
final class RDMAServer {
    private static let backlog = 64

    let rail: RDMARail
    let loop: EventLoop
    let cluster: String
    let limits: TransferLimits
    let source: any TransferSource
    private let channel: ConnectionChannel
    private let paths: PathNumbers
    private var listener: ConnectionID?
    private var connections: [PathID: RDMAServingConnection] = [:]
    /// Connections that were closed for what they sent.
    private(set) var violationCount = 0
    /// Of tickets that an asker has read.
    private(set) var bytesServed: UInt64 = 0
    /// Called when an asker has read what a ticket stood for.
    var onServed: (_ asker: Asker, _ byteCount: Int) -> Void = { _, _ in }
    /// Called when the last connection of a server that was closed is gone.
    var onIdle: () -> Void = {}

    init(
        rail: RDMARail, channel: ConnectionChannel, loop: EventLoop, cluster: String, source: any TransferSource, limits: TransferLimits,
        paths: PathNumbers
    ) {
        self.rail = rail
        self.channel = channel
        self.loop = loop
        self.cluster = cluster
        self.source = source
        self.limits = limits
        self.paths = paths
    }

    var connectionCount: Int { connections.count }

    /// - Returns: Where askers reach it, with the port that was taken.
    func listen() throws(SystemError) -> SocketAddress {
        let id = try ConnectionID(channel)
        id.onEvent { [weak self] event in
            guard case .requested(let request, let reads) = event else { return }
            self?.requested(request, reads: reads)
        }
        let port = try id.listen(on: rail.address, backlog: Self.backlog)
        listener = id
        return .tcp(host: rail.address.address.host, port: port)
    }

    /// Closes every path: each source is told, when nothing can be read over it any more.
    func close() {
        listener?.destroy()
        listener = nil
        for path in connections.keys.sorted() { connections[path]?.close() }
    }

    /// The same within this call, for an end that cannot wait.
    func closeNow() {
        close()
        for path in connections.keys.sorted() { connections[path]?.finish(isLast: true) }
    }

    /// Closes the paths of one asker, whose session is over or whose process is gone.
    func close(_ asker: Asker) {
        for path in connections.keys.sorted() where connections[path]?.asker == asker { connections[path]?.close() }
    }

    /// Nobody reads over it any more: their reads end by themselves, and go on over other paths with other tickets.
    func linkWentDown() {
        for path in connections.keys.sorted() { connections[path]?.close() }
    }

    func closed(_ path: PathID, forViolation: Bool) {
        connections[path] = nil
        if forViolation { violationCount += 1 }
        source.pathClosed(path)
        if connections.isEmpty, listener == nil { onIdle() }
    }

    /// Nothing is read under `ticket` any more.
    func served(_ ticket: Ticket, _ byteCount: Int, to asker: Asker) {
        source.done(ticket)
        bytesServed &+= UInt64(byteCount)
        onServed(asker, byteCount)
    }

    /// Ends every queue pair without a word to its asker, as a machine that goes silent: for tests.
    func fallSilent() {
        for connection in connections.values { connection.fallSilent() }
    }

    private func requested(_ id: ConnectionID, reads: Int) {
        guard connections.count < limits.acceptedConnections, listener != nil else { return id.reject() }
        let path = paths.next()
        let connection = RDMAServingConnection(path: path, server: self)
        connections[path] = connection
        connection.accept(id, reads: reads)
    }
}
