import FluxonCore
import FluxonSystem

/// Reads other owners' memory by one-sided RDMA READs through one device: the source's processor takes no part. On the loop only.
final class RDMATransport: Transport {
    /// Under which owners announce where they are read from: addresses of all their devices, a space between two.
    static let kind = "rdma"

    let name: String
    var kind: String { Self.kind }
    let rail: RDMARail
    let channel: ConnectionChannel
    let loop: EventLoop
    let limits: TransferLimits
    let greeting: Greeting
    /// Which of a peer's addresses is read from: the n-th device of one owner reads from the n-th of another.
    private let position: Int
    private var peers: [String: RDMAPeer] = [:]
    private(set) var bytesRead: UInt64 = 0
    private(set) var readCount: UInt64 = 0
    private(set) var errorCount: UInt64 = 0
    /// Called when there is a connection to an address, and when it is lost or cannot be made at first, with why.
    var onConnection: (_ address: String, _ failure: TransferError.Reason?) -> Void = { _, _ in }
    /// Called when the last peer of a transport that was closed is gone.
    var onIdle: () -> Void = {}
    private var isClosed = false

    init(
        rail: RDMARail, position: Int, channel: ConnectionChannel, loop: EventLoop, cluster: String, asker: Asker, limits: TransferLimits
    ) {
        name = "\(Self.kind) \(rail.name)"
        self.rail = rail
        self.position = position
        self.channel = channel
        self.loop = loop
        self.limits = limits
        greeting = Greeting(cluster: cluster, asker: asker)
    }

    func address(of peer: TransferPeer) -> String? {
        guard let text = peer.addresses[Self.kind], !text.isEmpty else { return nil }
        // One device is the rule, and every read asks.
        guard text.utf8.contains(UInt8(ascii: " ")) else { return text }
        let all = text.split(separator: " ")
        return all.isEmpty ? nil : String(all[position % all.count])
    }

    func canRead(from address: String) -> Bool {
        guard !isClosed, rail.isUp else { return false }
        return peers[address]?.canRead ?? true
    }

    func read(_ order: ReadOrder, completion: @escaping (Result<Void, TransferError>) -> Void) -> any RunningRead {
        let read = RDMARead(order, transport: name, loop: loop) { [self] result in
            count(result, of: order.range)
            completion(result)
        }
        if let refusal = order.refusal(isClosed: isClosed) { read.fail(refusal) } else { peer(at: order.address).submit(read) }
        return read
    }

    func close() { close(.closed) }

    /// Ends every read with `reason`; what can go on over another path then does.
    func close(_ reason: TransferError.Reason) {
        isClosed = true
        for peer in peers.values.sorted(by: { $0.address < $1.address }) { peer.close(reason) }
    }

    func linkWentDown() {
        for peer in peers.values { peer.linkWentDown() }
    }

    func linkCameUp() {
        for peer in peers.values { peer.linkCameUp() }
    }

    var connectionCount: Int { peers.values.count { $0.hasConnection } }

    private func count(_ result: Result<Void, TransferError>, of range: Range<UInt64>) {
        switch result {
        case .success:
            readCount &+= 1
            bytesRead &+= range.byteCount
        case .failure(let error):
            bytesRead &+= UInt64(error.verified)
            if error.blamesThePath { errorCount &+= 1 }
        }
    }

    /// Nothing of the device's is in use any more.
    var isIdle: Bool { peers.isEmpty }

    private func peer(at address: String) -> RDMAPeer {
        if let peer = peers[address] { return peer }
        let peer = RDMAPeer(address: address, transport: self)
        peers[address] = peer
        return peer
    }

    /// It has no connection, and nobody waits for one.
    func forget(_ peer: RDMAPeer) {
        if peers[peer.address] === peer, peer.isIdle || isClosed { peers[peer.address] = nil }
        if isClosed, peers.isEmpty { onIdle() }
    }
}
