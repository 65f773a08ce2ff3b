import FluxonCore
package import FluxonSystem
package import FluxonTLS

/// The owner's end of bulk transfers over TCP: serves what tickets stand for. On the loop only.
package final class TCPServer {
    private static let acceptsPerTurn = 16
    private static let pauseAfterRefusal: Duration = .milliseconds(100)

    let loop: EventLoop
    let cluster: String
    let limits: TransferLimits
    let source: any TransferSource
    let tls: TLSContext?
    private var listener: Descriptor?
    private var registration: Registration?
    private var connections: [PathID: TCPServingConnection] = [:]
    private let paths: PathNumbers
    /// Connections that were closed for what they sent.
    package private(set) var violationCount = 0
    /// A whole answer went to an asker: so many bytes of a value.
    var onServed: (_ asker: Asker, _ byteCount: UInt64) -> Void = { _, _ in }

    /// - Parameter tls: Nil: nothing is encrypted, and nobody shows who it is.
    package init(
        loop: EventLoop, cluster: String, source: any TransferSource, limits: TransferLimits = TransferLimits(), tls: TLSContext? = nil,
        paths: PathNumbers = PathNumbers()
    ) {
        self.loop = loop
        self.tls = tls
        self.cluster = cluster
        self.source = source
        self.limits = limits
        self.paths = paths
    }

    package var connectionCount: Int { connections.count }

    /// - Returns: The address with the port that was taken.
    package func listen(on address: SocketAddress) throws(SystemError) -> SocketAddress {
        let descriptor = try Socket.listen(on: address)
        let bound = try Socket.localAddress(of: descriptor.number)
        try watch(descriptor.number)
        listener = consume descriptor
        return bound
    }

    /// Closes every path: each source is told.
    package func close() {
        registration?.cancel()
        registration = nil
        listener = nil
        for path in connections.keys.sorted() { connections[path]?.close() }
    }

    /// Closes the paths of one asker, whose session is over or whose process is gone.
    package func close(_ asker: Asker) {
        for path in connections.keys.sorted() where connections[path]?.asker == asker { connections[path]?.close() }
    }

    func closed(_ path: PathID, forViolation: Bool) {
        connections[path] = nil
        if forViolation { violationCount += 1 }
        source.pathClosed(path)
    }

    private func watch(_ number: CInt) throws(SystemError) {
        registration = try loop.register(number, .readable) { [weak self] _ in self?.accept() }
    }

    private func accept() {
        guard let number = registration?.descriptor else { return }
        for _ in 0..<Self.acceptsPerTurn {
            do throws(SystemError) {
                guard let descriptor = try Socket.accept(on: number) else { return }
                // Closing it at once tells the asker more than a backlog that nobody empties.
                guard connections.count < limits.acceptedConnections else { continue }
                let path = paths.next()
                let connection = TCPServingConnection(path: path, server: self)
                connections[path] = connection
                connection.open(descriptor)
            } catch {
                return pause()
            }
        }
    }

    /// The kernel has no descriptor left for the connection that waits, and would report it again and again.
    private func pause() {
        guard let number = registration?.descriptor else { return }
        registration?.cancel()
        _ =
            loop.schedule(after: Self.pauseAfterRefusal) { [weak self] in
                guard let self, listener != nil else { return }
                do throws(SystemError) { try watch(number) } catch { pause() }
            } as LoopTimer
    }
}
