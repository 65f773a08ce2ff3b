import FluxonCore

/// The transports of this owner and what is known of their health. On the loop only.
final class FetchPaths {
    struct Path {
        let transport: any Transport
        let address: String
    }

    let clock: any TransferClock
    private let transports: [any Transport]
    private var health = PathHealth()

    /// - Parameter transports: Best first.
    init(_ transports: [any Transport], clock: any TransferClock) {
        self.transports = transports
        self.clock = clock
    }

    var now: BootInstant { clock.now }

    /// The best way to `peer` now; nil when it has no address for any transport that is left.
    func best(for peer: TransferPeer, except tried: Set<String>) -> Path? {
        var found: [String: Path] = [:]
        var names: [String] = []
        for transport in transports where !tried.contains(transport.name) {
            guard let address = transport.address(of: peer), transport.canRead(from: address) else { continue }
            names.append(transport.name)
            found[transport.name] = Path(transport: transport, address: address)
        }
        return health.order(of: names, to: peer.name, now: now).first.flatMap { found[$0] }
    }

    func succeeded(_ path: Path, to peer: TransferPeer) { health.succeeded(path.transport.name, to: peer.name) }

    func failed(_ path: Path, to peer: TransferPeer) { health.failed(path.transport.name, to: peer.name, now: now) }

    func forget(_ peer: InstanceKey) { health.forget(peer) }

    func close() {
        for transport in transports { transport.close() }
    }
}
