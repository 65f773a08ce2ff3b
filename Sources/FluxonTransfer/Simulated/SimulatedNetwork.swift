/// Owners that reach each other's memory within one process, under any clock. It behaves as badly as the contract of
/// `Transport` allows: it goes on writing to a destination after `cancel`, until the completion.
package final class SimulatedNetwork {
    /// What goes wrong at one address.
    package enum Fault: Hashable, Sendable {
        /// Nobody listens there.
        case unreachable
        /// The source dies after this many bytes.
        case killed(afterBytes: Int)
        /// The source goes silent after this many bytes.
        case silent(afterBytes: Int)
        /// One byte of this chunk is damaged on its way.
        case damaged(chunk: Int)
    }

    struct Site {
        let cluster: String
        let source: any TransferSource
        var fault: Fault?
    }

    let clock: any TransferClock
    /// Time of one message from one owner to another. Default: 50 µs.
    package var latency: Duration = .microseconds(50)
    private var sites: [String: Site] = [:]
    private var nextPath: UInt64 = 0

    package init(clock: any TransferClock) { self.clock = clock }

    package func listen(at address: String, cluster: String, source: any TransferSource) {
        sites[address] = Site(cluster: cluster, source: source, fault: nil)
    }

    /// Nil repairs it.
    package func setFault(_ fault: Fault?, at address: String) { sites[address]?.fault = fault }

    func site(at address: String) -> Site? {
        guard let site = sites[address], site.fault != .unreachable else { return nil }
        return site
    }

    func newPath() -> PathID {
        nextPath += 1
        return PathID(nextPath)
    }
}
