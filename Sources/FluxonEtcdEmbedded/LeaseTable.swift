package import FluxonCore
package import FluxonEtcd

/// Which leases live and until when: the rules, without clock or storage.
///
/// A lease ends at its deadline, never before; a restart of the server gives every lease its full time again, since what its holder
/// sent meanwhile was not heard.
package struct LeaseTable: Sendable {
    package struct Lease: Equatable, Sendable {
        package let id: Int64
        /// What the grant said, in whole seconds.
        package let ttl: Int64
        package fileprivate(set) var deadline: BootInstant
    }

    /// Longest TTL that etcd's API allows, in seconds.
    package static let longestTTL: Int64 = 9_000_000_000
    /// Shortest TTL, in seconds: shorter ones are raised to it, as etcd does.
    package static let shortestTTL: Int64 = 1

    private var leases: [Int64: Lease] = [:]

    package init() {}

    package var ids: [Int64] { leases.keys.sorted() }
    package var count: Int { leases.count }
    /// When the next lease ends; nil without leases. O(leases).
    package var nextDeadline: BootInstant? { leases.values.lazy.map(\.deadline).min() }

    package subscript(id: Int64) -> Lease? { leases[id] }

    /// What a grant with these arguments will be. Changes nothing, so that it can be stored first.
    ///
    /// - Parameter id: 0 lets `unused` choose.
    /// - Throws: `.leaseTTLTooLarge`, `.leaseExists`.
    package func proposal(
        id: Int64, ttl: Int64, now: BootInstant, unused: () -> Int64
    ) throws(EtcdFault) -> Lease {
        guard ttl <= Self.longestTTL else { throw .leaseTTLTooLarge }
        var chosen = id
        while chosen == 0 || (id == 0 && leases[chosen] != nil) { chosen = unused() & Int64.max }
        guard leases[chosen] == nil else { throw .leaseExists }
        let granted = max(ttl, Self.shortestTTL)
        return Lease(id: chosen, ttl: granted, deadline: now.advanced(by: .seconds(granted)))
    }

    package mutating func insert(_ lease: Lease) { leases[lease.id] = lease }

    /// A lease as it was stored, armed with its full time from `now`.
    package mutating func restore(id: Int64, ttl: Int64, now: BootInstant) {
        leases[id] = Lease(id: id, ttl: ttl, deadline: now.advanced(by: .seconds(ttl)))
    }

    package mutating func remove(_ id: Int64) { leases[id] = nil }

    /// Gives the lease its full time again. Nil: there is no such lease, or its time is over.
    package mutating func keepAlive(_ id: Int64, now: BootInstant) -> Lease? {
        guard var lease = leases[id], now < lease.deadline else { return nil }
        lease.deadline = now.advanced(by: .seconds(lease.ttl))
        leases[id] = lease
        return lease
    }

    /// Whole seconds that are left, rounded down.
    package func remaining(_ id: Int64, now: BootInstant) -> Int64? {
        leases[id].map { $0.deadline.since(now).components.seconds }
    }

    /// The leases whose time is over, in the order of their deadlines. They stay until `remove`.
    package func expired(now: BootInstant) -> [Int64] {
        leases.values.filter { $0.deadline <= now }.sorted { ($0.deadline, $0.id) < ($1.deadline, $1.id) }.map(\.id)
    }
}
