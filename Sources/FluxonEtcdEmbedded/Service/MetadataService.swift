package import FluxonCore
internal import FluxonEtcd
private import FoundationEssentials
internal import SwiftProtobuf

/// etcd's services on a store, without a network: requests as bytes in, answers as bytes out. On one thread only.
///
/// Answers wait until `flush`, which makes everything of one turn durable at once.
package final class MetadataService {
    package typealias Answer = (Result<[UInt8], any Error>) -> Void

    /// The version that `Status` tells: the API of etcd that this is a subset of.
    static let version = "3.4.0"
    /// The one term of a cluster of one.
    static let term: UInt64 = 1
    /// Largest request in bytes: etcd's limit. Messages that are longer by more than `overheadBytes` are not even read, as by etcd.
    static let mostRequestBytes = 3 << 19
    static let overheadBytes = 512 << 10
    /// Compaction by itself: when more revisions than this lie behind, all but the newest half go.
    static let mostRevisions: Int64 = 20_000

    let store: MetadataStore
    private(set) var leases = LeaseTable()
    /// The newest revision that is durable: watchers know nothing later.
    package private(set) var committed: Int64
    private var waiting: [() -> Void] = []
    private var sessions: [ObjectIdentifier: WatchSession] = [:]
    private let clock: () -> BootInstant

    /// Where this server is reached, for those who ask for the cluster's members.
    package var clientURL = ""

    /// - Parameter clock: For the leases; each one gets its full time from now on.
    package init(store: MetadataStore, clock: @escaping () -> BootInstant) throws {
        self.store = store
        self.clock = clock
        committed = store.revision
        for lease in try store.leases() { leases.restore(id: lease.id, ttl: lease.ttl, now: clock()) }
    }

    /// Whether `flush` has something to do.
    package var needsFlush: Bool { store.hasUncommittedWrites || !waiting.isEmpty }

    /// The unary methods by their paths.
    package var methods: [String: ([UInt8], @escaping Answer) -> Void] {
        [
            EtcdMethod.range: method { service, request in try service.store.range(request) },
            EtcdMethod.put: method { service, request in try service.store.put(request) },
            EtcdMethod.deleteRange: method { service, request in try service.store.deleteRange(request) },
            EtcdMethod.transaction: method { service, request in try service.store.transaction(request) },
            EtcdMethod.compact: method { service, request in try service.compact(request) },
            EtcdMethod.leaseGrant: method { service, request in try service.grant(request) },
            EtcdMethod.leaseRevoke: method { service, request in try service.revoke(request) },
            EtcdMethod.leaseTimeToLive: method { service, request in try service.timeToLive(request) },
            EtcdMethod.leaseLeases: method { service, request in service.listLeases(request) },
            EtcdMethod.status: method { service, request in service.status(request) },
            EtcdMethod.memberList: { [unowned self] _, answer in answer(.success(memberList())) },
            // Nothing raises an alarm here, so there is none to tell or to end.
            EtcdMethod.alarm: { _, answer in answer(.success([])) },
            EtcdMethod.authenticate: method { service, request in try service.authenticate(request) },
        ]
    }

    /// Makes the turn's writes durable, answers everything that waited for that, and shows the changes to the watchers.
    package func flush() {
        let answers = waiting
        waiting = []
        do {
            let revisions = try store.commit()
            committed = store.revision
            answers.forEach { $0() }
            if !revisions.isEmpty { pump(latest: revisions) }
        } catch {
            // The store refuses everything from now on, so each waiting answer becomes that refusal.
            storageFailure = error
            answers.forEach { $0() }
        }
    }

    /// Why the last commit failed; nothing is answered with success any more.
    package private(set) var storageFailure: (any Error)?

    package func openWatch(send: @escaping ([UInt8]) -> Void, isWritable: @escaping () -> Bool) -> WatchSession {
        let session = WatchSession(store: store, send: send, isWritable: isWritable)
        sessions[ObjectIdentifier(session)] = session
        return session
    }

    package func closeWatch(_ session: WatchSession) { sessions[ObjectIdentifier(session)] = nil }

    package func keepAlive(_ message: [UInt8]) throws -> [UInt8] {
        if let storageFailure { throw storageFailure }
        let request = try WireLeaseKeepAliveRequest(serializedBytes: message)
        var response = WireLeaseKeepAliveResponse()
        response.header = header()
        response.id = request.id
        // A TTL of zero tells the holder that the lease is gone.
        response.ttl = leases.keepAlive(request.id, now: clock())?.ttl ?? 0
        return try response.serializedBytes()
    }

    /// When the next lease ends; nil without leases.
    var nextLeaseDeadline: BootInstant? { leases.nextDeadline }

    /// Removes the leases whose time is over, with their keys. `flush` must follow.
    package func expireLeases() {
        for id in leases.expired(now: clock()) {
            do { try store.removeLease(id) } catch { storageFailure = error }
            leases.remove(id)
        }
    }

    private func method<Request: Message, Response: Message>(
        _ body: @escaping (MetadataService, Request) throws -> Response
    ) -> ([UInt8], @escaping Answer) -> Void {
        { [unowned self] message, answer in
            let outcome: Result<[UInt8], any Error>
            do {
                guard message.count <= Self.mostRequestBytes else { throw EtcdFault.requestTooLarge }
                outcome = .success(try body(self, try Request(serializedBytes: message)).serializedBytes())
            } catch {
                outcome = .failure(error)
            }
            waiting.append { [unowned self] in
                if let storageFailure { answer(.failure(storageFailure)) } else { answer(outcome) }
            }
        }
    }

    private func pump(latest: [MetadataStore.Revision]) {
        for session in sessions.values {
            do {
                try session.pump(committed: committed, latest: latest)
            } catch {
                storageFailure = error
            }
        }
        compactIfLong()
    }

    private func compactIfLong() {
        guard committed - store.compactedRevision > Self.mostRevisions else { return }
        do {
            try store.compact(committed - Self.mostRevisions / 2)
            _ = try store.commit()
        } catch {
            storageFailure = error
        }
    }

    private func header() -> WireResponseHeader {
        var header = store.header()
        header.revision = committed
        return header
    }

    private func compact(_ request: WireCompactionRequest) throws -> WireCompactionResponse {
        try store.compact(request.revision)
        var response = WireCompactionResponse()
        response.header = store.header()
        return response
    }

    private func grant(_ request: WireLeaseGrantRequest) throws -> WireLeaseGrantResponse {
        let lease = try leases.proposal(id: request.id, ttl: request.ttl, now: clock(), unused: { Int64.random(in: 1...Int64.max) })
        try store.insertLease(lease.id, ttl: lease.ttl)
        leases.insert(lease)
        var response = WireLeaseGrantResponse()
        response.header = store.header()
        response.id = lease.id
        response.ttl = lease.ttl
        return response
    }

    private func revoke(_ request: WireLeaseRevokeRequest) throws -> WireLeaseRevokeResponse {
        guard leases[request.id] != nil else { throw EtcdFault.leaseNotFound }
        try store.removeLease(request.id)
        leases.remove(request.id)
        var response = WireLeaseRevokeResponse()
        response.header = store.header()
        return response
    }

    private func timeToLive(_ request: WireLeaseTimeToLiveRequest) throws -> WireLeaseTimeToLiveResponse {
        var response = WireLeaseTimeToLiveResponse()
        response.header = store.header()
        response.id = request.id
        guard let lease = leases[request.id], let remaining = leases.remaining(request.id, now: clock()) else {
            response.ttl = -1
            return response
        }
        response.ttl = remaining
        response.grantedTtl = lease.ttl
        if request.keys { response.keys = try store.keys(ofLease: request.id).map { Data($0) } }
        return response
    }

    private func listLeases(_ request: WireLeaseLeasesRequest) -> WireLeaseLeasesResponse {
        var response = WireLeaseLeasesResponse()
        response.header = store.header()
        response.leases = leases.ids.map { id in
            var status = WireLeaseStatus()
            status.id = id
            return status
        }
        return response
    }

    private func status(_ request: WireStatusRequest) -> WireStatusResponse {
        var response = WireStatusResponse()
        response.header = store.header()
        response.version = Self.version
        response.leader = store.memberID
        response.raftTerm = Self.term
        response.raftIndex = UInt64(clamping: store.revision)
        response.raftAppliedIndex = UInt64(clamping: store.revision)
        (response.dbSize, response.dbSizeInUse) = store.byteCounts()
        return response
    }

    /// There are no users here. A client that was given a password is told so, as by an etcd without authentication.
    private func authenticate(_ request: WireAuthenticateRequest) throws -> WireAuthenticateResponse {
        throw EtcdFault.authenticationNotEnabled
    }
}
