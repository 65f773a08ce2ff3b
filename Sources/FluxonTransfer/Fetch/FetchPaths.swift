import FluxonCore

/// The transports of this owner and what is known of their health. On the loop only.
final class FetchPaths {
    struct Path {
        let transport: any Transport
        let address: String
    }

    let clock: any TransferClock
    /// Best first. One that is taken out goes on with what it has begun.
    var transports: [any Transport]
    private var health = PathHealth()
    private(set) var statistics = PathStatistics()

    /// - Parameter transports: Best first.
    init(_ transports: [any Transport], clock: any TransferClock) {
        self.transports = transports
        self.clock = clock
    }

    var now: BootInstant { clock.now }

    /// The best way to `peer` now; nil when it has no address for any transport that is left.
    func best(for peer: TransferPeer, except tried: Set<String>) -> Path? {
        var aside: Path?
        for transport in transports where !tried.contains(transport.name) {
            guard let address = transport.address(of: peer), transport.canRead(from: address) else { continue }
            let path = Path(transport: transport, address: address)
            guard health.isAside(transport.name, to: peer.name, now: now) else { return path }
            if aside == nil { aside = path }
        }
        return aside
    }

    func succeeded(_ path: Path, to peer: TransferPeer, byteCount: UInt64) {
        health.succeeded(path.transport.name, to: peer.name)
        statistics.succeeded(path.transport.name, to: peer.name, at: path.address, byteCount: byteCount)
    }

    func failed(_ path: Path, to peer: TransferPeer, _ error: TransferError) {
        if error.blamesThePath { health.failed(path.transport.name, to: peer.name, now: now) }
        statistics.failed(
            path.transport.name, to: peer.name, at: path.address, error, byteCount: UInt64(clamping: error.verified),
            blamesThePath: error.blamesThePath)
    }

    /// A read to `peer` goes on over another transport than it was on.
    func fellBack(to peer: TransferPeer) { statistics.fellBack(to: peer.name) }

    func served(_ transport: String, to peer: InstanceKey, byteCount: UInt64) {
        statistics.served(transport, to: peer, byteCount: byteCount)
    }

    func forget(_ peer: InstanceKey) {
        health.forget(peer)
        statistics.forget(peer)
    }

    /// The path as a person is told of it.
    func describe(_ path: PathStatistics.Path) -> String {
        transports.first { $0.name == path.transport }?.describe(path.address) ?? path.transport
    }

    /// For how many milliseconds yet the transport is set aside for this peer.
    func aside(_ transport: String, to peer: InstanceKey) -> UInt64 {
        guard let until = health.asideUntil(transport, to: peer) else { return 0 }
        return UInt64(max(0, until.since(now).clampedNanoseconds / 1_000_000))
    }

    func close() {
        for transport in transports { transport.close() }
    }
}
