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
    /// Takes turns between ways that are equally good.
    private var turn = 0
    private(set) var statistics = PathStatistics()

    /// - Parameter transports: Best first.
    init(_ transports: [any Transport], clock: any TransferClock) {
        self.transports = transports
        self.clock = clock
    }

    var now: BootInstant { clock.now }

    /// The best way to `peer` now; nil when it has no address for any transport that is left and may be used. Ways that are equally good
    /// take turns.
    ///
    /// - Parameter preferred: The transport to be taken if it is as good as any.
    func best(for peer: TransferPeer, except tried: Set<String>, preferring preferred: String? = nil) -> Path? {
        var best: Path?
        var aside: Path?
        var isSingle = true
        for transport in transports where !tried.contains(transport.name) {
            guard let path = path(over: transport, to: peer) else { continue }
            if health.isAside(transport.name, to: peer.name, now: now) {
                aside = aside ?? path
            } else if let best {
                guard transport.kind == best.transport.kind else { continue }
                if transport.name == preferred { return path }
                isSingle = false
            } else {
                best = path
                if transport.name == preferred { return path }
            }
        }
        guard !isSingle else { return best ?? aside }
        turn &+= 1
        let rails = rails(to: peer, except: tried)
        return rails[turn % rails.count]
    }

    /// The ways to `peer` that are as good as the best one now: its devices side by side.
    func rails(to peer: TransferPeer, except tried: Set<String> = []) -> [Path] {
        let healthy = transports.compactMap { transport -> Path? in
            guard !tried.contains(transport.name), !health.isAside(transport.name, to: peer.name, now: now) else { return nil }
            return path(over: transport, to: peer)
        }
        return healthy.filter { $0.transport.kind == healthy[0].transport.kind }
    }

    private func path(over transport: any Transport, to peer: TransferPeer) -> Path? {
        guard let address = transport.address(of: peer), transport.canRead(from: address) else { return nil }
        return Path(transport: transport, address: address)
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
