import FluxonCore
package import FluxonSystem
package import FluxonTLS

/// Reads other owners' memory over TCP connections of its own: bytes go from the socket straight to their place. On the loop only.
///
/// Each connection carries one read at a time, so that closing it closes the path of that read and of no other.
package final class TCPTransport: Transport {
    package static let name = "tcp"
    package var name: String { Self.name }

    let loop: EventLoop
    let limits: TransferLimits
    let greeting: Greeting
    let tls: TLSContext?
    private var peers: [String: TCPPeer] = [:]
    private var isClosed = false

    /// - Parameter tls: Nil: nothing is encrypted, and nobody shows who it is.
    package init(loop: EventLoop, cluster: String, asker: Asker, limits: TransferLimits = TransferLimits(), tls: TLSContext? = nil) {
        self.loop = loop
        self.tls = tls
        self.limits = limits
        greeting = Greeting(cluster: cluster, asker: asker)
    }

    package func read(_ order: ReadOrder, completion: @escaping (Result<Void, TransferError>) -> Void) -> any RunningRead {
        let read = TCPRead(order, loop: loop, completion: completion)
        if let refusal = order.refusal(isClosed: isClosed) { read.fail(refusal) } else { peer(at: order.address).submit(read) }
        return read
    }

    package func close() {
        isClosed = true
        for peer in peers.values { peer.close() }
        peers = [:]
    }

    private func peer(at address: String) -> TCPPeer {
        if let peer = peers[address] { return peer }
        let peer = TCPPeer(address: address, transport: self)
        peers[address] = peer
        return peer
    }

    /// Its last connection went.
    func forget(_ peer: TCPPeer) {
        if peers[peer.address] === peer { peers[peer.address] = nil }
    }
}
