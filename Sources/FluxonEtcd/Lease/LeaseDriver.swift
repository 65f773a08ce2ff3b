package import FluxonCore
internal import FluxonRPC
internal import FluxonSystem
private import SwiftProtobuf

/// What the client keeps of one lease: the rules, the stream, the timer.
final class LeaseDriver {
    let id: Int64
    var onLost: @Sendable () -> Void
    var keeper: LeaseKeeper
    var stream: RPCStream?
    var endpoint: EtcdEndpoint?
    var timer: LoopTimer?

    init(id: Int64, keeper: LeaseKeeper, onLost: @escaping @Sendable () -> Void) {
        self.id = id
        self.keeper = keeper
        self.onLost = onLost
    }
}

/// A lease that the client keeps alive until it is revoked, let go or lost.
package struct EtcdLease: Hashable, Sendable {
    package let id: Int64
    /// What etcd granted, in whole seconds; it may be more than was asked for.
    package let ttl: Duration
}

extension EtcdClient {
    /// Grants a lease and keeps it alive.
    ///
    /// - Parameters:
    ///   - ttl: Rounded up to whole seconds. The lease survives stalls of two thirds of it.
    ///   - onLost: Called once, on the loop, when etcd does not know the lease any more; not after a `revoke` or `letGo`.
    package func grantLease(
        ttl: Duration, timeout: Duration? = nil, onLost: @escaping @Sendable () -> Void
    ) async throws(EtcdError) -> EtcdLease {
        let (seconds, rest) = ttl.components
        let sent = loop.now
        let lease = try await grantUnkeptLease(ttlSeconds: rest > 0 ? seconds + 1 : seconds, timeout: timeout)
        guard !isClosed else { throw .closed }
        let driver = LeaseDriver(id: lease.id, keeper: LeaseKeeper(ttl: lease.ttl, granted: sent), onLost: onLost)
        leases[lease.id] = driver
        arm(driver)
        return lease
    }

    /// Grants a lease that nobody keeps alive.
    package func grantUnkeptLease(ttlSeconds: Int64, id: Int64 = 0, timeout: Duration? = nil) async throws(EtcdError) -> EtcdLease {
        var request = WireLeaseGrantRequest()
        request.ttl = ttlSeconds
        request.id = id
        // A grant without an id may be repeated: a lease that nobody knows of runs out.
        let response: WireLeaseGrantResponse = try await call(
            EtcdMethod.leaseGrant, request, isRepeatable: id == 0, timeout: timeout)
        return EtcdLease(id: response.id, ttl: .seconds(response.ttl))
    }

    /// Ends the lease, with its keys. That of an unknown lease is refused with `.leaseNotFound`.
    package func revoke(_ lease: Int64, timeout: Duration? = nil) async throws(EtcdError) {
        letGo(lease)
        var request = WireLeaseRevokeRequest()
        request.id = lease
        let _: WireLeaseRevokeResponse = try await call(EtcdMethod.leaseRevoke, request, isRepeatable: true, timeout: timeout)
    }

    /// Stops keeping the lease alive: it runs out by itself.
    package func letGo(_ lease: Int64) {
        guard let driver = leases.removeValue(forKey: lease) else { return }
        driver.timer?.cancel()
        end(driver)
    }

    /// Has another closure called at the loss of a lease; at once when it is lost already.
    func onLoss(of lease: Int64, _ body: @escaping @Sendable () -> Void) {
        guard let driver = leases[lease] else { return body() }
        driver.onLost = body
    }

    /// Until when etcd surely keeps a lease of this client; nil when it is lost or not of this client.
    package func confirmedUntil(_ lease: Int64) -> BootInstant? { leases[lease]?.keeper.confirmedUntil }

    /// - Returns: What is left and what was granted, in seconds, and the lease's keys; nil when etcd does not know the lease.
    package func timeToLive(
        _ lease: Int64, timeout: Duration? = nil
    ) async throws(EtcdError) -> (remaining: Int64, granted: Int64, keys: [[UInt8]])? {
        var request = WireLeaseTimeToLiveRequest()
        request.id = lease
        request.keys = true
        let response: WireLeaseTimeToLiveResponse = try await call(
            EtcdMethod.leaseTimeToLive, request, isRepeatable: true, timeout: timeout)
        return response.ttl < 0 ? nil : (response.ttl, response.grantedTtl, response.keys.map { Array($0) })
    }

    package func leaseIDs(timeout: Duration? = nil) async throws(EtcdError) -> [Int64] {
        let response: WireLeaseLeasesResponse = try await call(
            EtcdMethod.leaseLeases, WireLeaseLeasesRequest(), isRepeatable: true, timeout: timeout)
        return response.leases.map(\.id)
    }

    private func arm(_ driver: LeaseDriver) {
        driver.timer?.cancel()
        driver.timer = driver.keeper.nextWake.map { deadline in
            loop.schedule(at: deadline) { self.wake(driver) }
        }
    }

    private func wake(_ driver: LeaseDriver) {
        guard leases[driver.id] === driver else { return }
        perform(driver.keeper.wake(now: loop.now), on: driver)
        arm(driver)
    }

    private func perform(_ effects: [LeaseKeeper.Effect], on driver: LeaseDriver) {
        for effect in effects {
            switch effect {
            case .reopen:
                if driver.stream != nil, let endpoint = driver.endpoint { leave(endpoint) }
                end(driver)
                open(driver)
            case .send:
                var request = WireLeaseKeepAliveRequest()
                request.id = driver.id
                if let message: [UInt8] = try? request.serializedBytes() { driver.stream?.send(message) }
            case .lost:
                letGo(driver.id)
                driver.onLost()
            }
        }
    }

    /// Keep-alives need no token: whoever knows the id may prolong.
    private func open(_ driver: LeaseDriver) {
        guard let endpoint = try? currentEndpoint() else { return }
        let stream = endpoint.open(EtcdMethod.leaseKeepAlive, token: token, timeout: nil)
        driver.stream = stream
        driver.endpoint = endpoint
        stream.onMessage = { [weak stream] message in
            guard driver.stream === stream, let answer = try? WireLeaseKeepAliveResponse(serializedBytes: message) else { return }
            self.perform(driver.keeper.answered(ttl: answer.ttl, now: self.loop.now), on: driver)
            if self.leases[driver.id] === driver { self.arm(driver) }
        }
        stream.onEnd = { [weak stream] _ in
            guard driver.stream === stream, self.leases[driver.id] === driver else { return }
            driver.stream = nil
            self.leave(endpoint)
            driver.keeper.streamEnded(now: self.loop.now)
            self.arm(driver)
        }
    }

    private func end(_ driver: LeaseDriver) {
        let stream = driver.stream
        driver.stream = nil
        stream?.cancel()
    }
}
