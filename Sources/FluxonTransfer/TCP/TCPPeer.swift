import DequeModule
import FluxonCore
import FluxonSystem

/// The connections to one address and the reads that wait for one. On the loop only.
final class TCPPeer {
    let address: String
    private unowned let transport: TCPTransport
    private var connections: [TCPConnection] = []
    /// Most recently used last, so that those not needed grow old and close.
    private var idle: [TCPConnection] = []
    private var waiting: Deque<TCPRead> = []
    private var isClosed = false

    init(address: String, transport: TCPTransport) {
        self.address = address
        self.transport = transport
    }

    func submit(_ read: TCPRead) {
        if let connection = idle.popLast() { return connection.start(read) }
        if connections.count < transport.limits.connectionsPerPeer { return connect(for: read) }
        // What was cancelled or ran out of time while waiting is still in the line.
        if waiting.count >= transport.limits.waitingPerPeer { waiting.removeAll(where: \.isEnded) }
        guard waiting.count < transport.limits.waitingPerPeer else { return read.fail(.tooManyWaiting(limit: waiting.count)) }
        waiting.append(read)
    }

    func close() {
        isClosed = true
        let reads = waiting
        waiting = []
        for read in reads { read.fail(.closed) }
        for connection in connections { connection.close(.closed) }
    }

    /// A read ended well; `connection` can carry the next one.
    func isFree(_ connection: TCPConnection) {
        while let read = waiting.popFirst() {
            if !read.isEnded { return connection.start(read) }
        }
        idle.append(connection)
    }

    /// `connection` is gone, and with it the path of `read`.
    func closed(_ connection: TCPConnection, read: TCPRead?, reason: TransferError.Reason, verified: Int) {
        connections.removeAll { $0 === connection }
        idle.removeAll { $0 === connection }
        if let read, !read.isEnded {
            if case .connectionLost = reason, connection.diedUnused, !read.wasMoved, !isClosed {
                read.wasMoved = true
                connect(for: read)
            } else {
                read.fail(reason, verified: verified)
            }
        }
        if case .connectFailed = reason {
            // The others would learn the same, one after the other.
            let reads = waiting
            waiting = []
            for read in reads { read.fail(reason) }
        }
        while connections.count < transport.limits.connectionsPerPeer, let read = waiting.popFirst() {
            if !read.isEnded { connect(for: read) }
        }
        if connections.isEmpty { transport.forget(self) }
    }

    private func connect(for read: TCPRead) {
        let connection = TCPConnection(peer: self, transport: transport)
        connections.append(connection)
        connection.start(read)
        connection.connect()
    }
}
