internal import FluxonCore
internal import FluxonRPC
package import FluxonSystem

/// A client of etcd v3 on an event loop.
///
/// Every call ends by its deadline, in an answer or an `EtcdError` that says whether it may have taken effect. Reads are asked again at
/// another endpoint; a write is sent again only where it surely was not taken. Calls from tasks on the loop do not leave its thread.
package actor EtcdClient {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }
    package nonisolated let options: EtcdClientOptions

    var endpoints: [EtcdEndpoint] = []
    /// The endpoint that answered last, or is to be tried next.
    var current = 0
    var token: String?
    /// Who waits for the token that is being asked for.
    var waitingForToken: [(AttemptFailure?) -> Void] = []
    var isClosed = false
    /// Calls at work, so that a caller's cancellation finds its stream.
    var calls: [UInt64: RPCStream] = [:]
    var lastCall: UInt64 = 0
    var leases: [Int64: LeaseDriver] = [:]
    var watches: [UInt64: WatchDriver] = [:]
    var lastWatch: UInt64 = 0

    package init(loop: EventLoop, options: EtcdClientOptions) {
        self.loop = loop
        self.options = options
    }

    /// Ends every call, watch and keep-alive: calls throw and watches tell `.closed`. Leases run out by themselves; revoke them before
    /// if that matters, and cancel tasks in `keepPresent`.
    package func close() {
        isClosed = true
        for driver in leases.values { driver.timer?.cancel() }
        let watching = watches.values
        leases = [:]
        watches = [:]
        for endpoint in endpoints { endpoint.close() }
        endpoints = []
        for driver in watching {
            driver.timer?.cancel()
            driver.onEvent(.failed(.closed))
        }
    }

    /// The endpoint to use now. Connections are made at their first use.
    func currentEndpoint() throws(EtcdError) -> EtcdEndpoint {
        guard !isClosed else { throw .closed }
        if endpoints.isEmpty {
            let tls = options.endpoints.contains(where: \.isSecure) ? try options.makeTLS() : nil
            endpoints = options.endpoints.map { EtcdEndpoint($0, loop: loop, tls: $0.isSecure ? tls : nil) }
        }
        return endpoints[current % endpoints.count]
    }

    /// Turns to the next endpoint, unless another call did so already.
    func leave(_ failed: EtcdEndpoint) {
        guard !endpoints.isEmpty, endpoints[current % endpoints.count] === failed else { return }
        current = (current + 1) % endpoints.count
    }
}
