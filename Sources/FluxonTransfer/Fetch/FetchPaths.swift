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

    /// The best way to `peer` now; nil when it has no address for any transport that is left and may be used.
    ///
    /// - Parameter preferred: The transport to be taken if it is as good as any.
    func best(for peer: TransferPeer, except tried: Set<String>, preferring preferred: String? = nil) -> Path? {
        let usable = usable(for: peer, except: tried)
        guard let first = health.order(of: usable.map(\.transport.name), to: peer.name, now: now).first else { return nil }
        let rails = rails(among: usable, like: first, to: peer)
        if let path = rails.first(where: { $0.transport.name == preferred }) { return path }
        guard rails.count > 1 else { return usable.first { $0.transport.name == first } }
        turn &+= 1
        return rails[turn % rails.count]
    }

    /// The ways to `peer` that are as good as the best one now: its devices side by side.
    func rails(to peer: TransferPeer) -> [Path] {
        let usable = usable(for: peer, except: [])
        guard let first = health.order(of: usable.map(\.transport.name), to: peer.name, now: now).first else { return [] }
        return rails(among: usable, like: first, to: peer)
    }

    private func usable(for peer: TransferPeer, except tried: Set<String>) -> [Path] {
        transports.compactMap { transport in
            guard !tried.contains(transport.name), let address = transport.address(of: peer), transport.canRead(from: address) else {
                return nil
            }
            return Path(transport: transport, address: address)
        }
    }

    private func rails(among paths: [Path], like name: String, to peer: TransferPeer) -> [Path] {
        guard let kind = paths.first(where: { $0.transport.name == name })?.transport.kind else { return [] }
        return paths.filter { $0.transport.kind == kind && !health.isAside($0.transport.name, to: peer.name, now: now) }
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
