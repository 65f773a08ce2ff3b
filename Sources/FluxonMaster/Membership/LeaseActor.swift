package import FluxonCore
package import FluxonEtcd
package import FluxonSystem
package import Logging

/// Holds the right to lead: wins the election, renews the authority every second (CONSISTENCY G1), writes the roster under its
/// guard (G3). The owners' validity leases are granted by the routing table, since a grant names the invalidations sent before it (L2).
package actor LeaseActor {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }

    let etcd: EtcdClient
    let keyspace: MetadataKeyspace
    let election: LeaderElection
    let timing: ProtocolTiming
    let logger: Logger
    /// `mod_revision` of each roster entry as this term read or wrote it last.
    private var rosterRevisions: [InstanceKey: Int64] = [:]
    /// While this master leads.
    private(set) var leadership: Leadership?
    /// Every owner that the roster knows.
    var rosterOwners: [InstanceKey] { rosterRevisions.keys.sorted() }

    /// TTL of the lease on the leader key: how long after a master's death another may be elected. It survives stalls of a second.
    package static let leaderLease = Duration.seconds(5)

    package init(loop: EventLoop, etcd: EtcdClient, cluster: String, timing: ProtocolTiming, logger: Logger) {
        self.loop = loop
        self.etcd = etcd
        keyspace = MetadataKeyspace(clusterName: cluster)
        election = LeaderElection(key: keyspace.leader)
        self.timing = timing
        self.logger = logger
    }

    /// Waits for the leadership, then reads the roster and makes the term's routing table (R5).
    ///
    /// - Parameter address: What owners find under the leader key.
    package func win(
        cluster: String, instance: InstanceKey, address: AttributeLine, onLost: @escaping @Sendable () -> Void
    ) async throws(EtcdError) -> (leadership: Leadership, table: RoutingTable) {
        let logger = logger
        let (waits, wait) = AsyncStream.makeStream(of: Void.self)
        let shown = showStandby(of: instance, address, once: waits)
        defer { shown.cancel() }
        let leadership = try await etcd.campaign(
            election, value: address.text, ttl: Self.leaderLease, onLost: onLost,
            onLeader: { leader in
                wait.yield()
                logger.info("another master leads", metadata: ["fluxon.leader": "\(String(decoding: leader.value, as: UTF8.self))"])
            })
        let electedAt = loop.now
        let authority = Authority(term: UInt64(clamping: leadership.term), electionSent: leadership.sent, timing: timing)
        let range = try await etcd.list(prefix: keyspace.roster)
        var roster: [(InstanceKey, RosterEntry)] = []
        rosterRevisions = [:]
        for keyValue in range.keyValues {
            let name = String(decoding: keyValue.key.dropFirst(keyspace.roster.utf8.count), as: UTF8.self)
            rosterRevisions[InstanceKey(name)] = keyValue.modRevision
            guard let entry = RosterEntry(parsing: String(decoding: keyValue.value, as: UTF8.self)) else {
                logger.error(
                    "a roster entry makes no sense; remove it when no owner has this name", metadata: ["fluxon.instance": "\(name)"])
                continue
            }
            roster.append((InstanceKey(name), entry))
        }
        let table = RoutingTable(cluster: cluster, authority: authority, electedAt: electedAt, timing: timing, roster: roster)
        self.leadership = leadership
        return (leadership, table)
    }

    /// Renews the authority until the term is over or the task is cancelled.
    package func renew(_ leadership: Leadership, routing: RoutingActor) async {
        while !Task.isCancelled {
            let sent = loop.now
            do throws(EtcdError) {
                let result = try await etcd.transaction(election.guarded(term: leadership.term), timeout: timing.authority)
                if election.isOver(term: leadership.term, after: result) { return }
                await routing.confirmedAuthority(sending: sent)
            } catch {
                if !Task.isCancelled { logger.warning("authority not renewed", metadata: ["fluxon.error": "\(error)"]) }
            }
            try? await loop.sleep(until: sent.advanced(by: timing.renewalInterval))
        }
    }

    /// Writes one roster entry if this term still leads. False: it does not. An attempt of unknown outcome is repeated; the entry's
    /// revision is compared, so that the one under way cannot arrive behind a later entry (decision 0014).
    package func write(_ change: RosterChange, _ leadership: Leadership) async -> Bool {
        let names = [change.owner] + (change.replaces.map { [$0] } ?? [])
        let keys = names.map(keyspace.rosterEntry)
        while !Task.isCancelled {
            let unchanged = zip(names, keys).map { EtcdCompare.modRevision(of: $1, .equal, rosterRevisions[$0] ?? 0) }
            let operations = [.put(keys[0], change.entry.text)] + keys.dropFirst().map { EtcdOperation.delete($0) }
            var write = election.guarded(term: leadership.term, operations, and: unchanged)
            for key in keys { write.failure.append(.get(key)) }
            do throws(EtcdError) {
                let result = try await etcd.transaction(write, timeout: timing.authority)
                if result.succeeded {
                    for name in names.dropFirst() { rosterRevisions[name] = nil }
                    rosterRevisions[change.owner] = result.revision
                    return true
                }
                if election.isOver(term: leadership.term, after: result) { return false }
                for (index, name) in names.enumerated() { rosterRevisions[name] = result.keyValues(at: index + 1)?.first?.modRevision }
                // An earlier attempt got through.
                if result.keyValues(at: 1)?.first?.value == Array(change.entry.text.utf8) { return true }
            } catch {
                logger.warning("roster not written", metadata: ["fluxon.instance": "\(change.owner)", "fluxon.error": "\(error)"])
                try? await loop.sleep(for: .milliseconds(100))
            }
        }
        return false
    }

    /// Writes who is connected, under the leader's lease: for people and tools, no rule relies on it.
    ///
    /// - Parameter changes: Who came, changed or left (nil); what is written is taken out.
    package func writePresence(_ changes: inout [InstanceKey: MembersAnswer.Member?], _ leadership: Leadership) async {
        let names = changes.keys.sorted()
        for start in stride(from: 0, to: names.count, by: Self.presenceOfTransaction) {
            let part = names[start..<min(start + Self.presenceOfTransaction, names.count)]
            let operations: [EtcdOperation] = part.map { name in
                guard let member = changes[name] ?? nil else { return .delete(keyspace.presence(of: name)) }
                return .put(keyspace.presence(of: name), Self.line(of: member), lease: leadership.lease.id)
            }
            do throws(EtcdError) {
                _ = try await etcd.transaction(election.guarded(term: leadership.term, operations), timeout: timing.authority)
            } catch {
                logger.notice("presence not written", metadata: ["fluxon.error": "\(error)"])
                return
            }
            for name in part { changes[name] = nil }
        }
    }

    /// One transaction of etcd takes 128 operations.
    private static let presenceOfTransaction = 100

    private static func line(of member: MembersAnswer.Member) -> String {
        let description = member.description
        return AttributeLine([
            ("role", description.role.name), ("state", member.state.replacing(" ", with: "-")),
            ("generation", "\(description.generation)"), ("address", description.address), ("bulk", description.bulkAddress),
            ("host", description.host), ("pid", "\(description.processID)"),
        ]).text
    }

    /// Ends the leadership of an earlier life of this very master, whose lease would keep every campaign waiting. For one that is surely
    /// dead: a master that serves the metadata itself died with its lock on the file. (Elections are not what safety rests on: G1.)
    package func endFormerLife(of instance: InstanceKey) async {
        do throws(EtcdError) {
            guard let leader = try await etcd.get(keyspace.leader),
                AttributeLine(parsing: String(decoding: leader.value, as: UTF8.self))?["instance"] == instance.name
            else { return }
            _ = try await etcd.transaction(election.resignation(term: leader.createRevision))
            // Presence hangs on the same lease.
            try await etcd.revoke(leader.lease)
            logger.info("the leadership of this master's former life is ended", metadata: ["fluxon.term": "\(leader.createRevision)"])
        } catch {
            // Then it runs out by itself.
            logger.warning("the leadership of this master's former life is not ended", metadata: ["fluxon.error": "\(error)"])
        }
    }

    /// Gives the leadership up at once, so that the next master need not wait for the lease to run out.
    package func resign(_ leadership: Leadership) async {
        self.leadership = nil
        let resignation = election.resignation(term: leadership.term)
        // In a task of its own: that of a master which was told to stop is cancelled by now, and would send nothing.
        let resigning = Task(executorPreference: loop.taskExecutor) { [etcd] in
            _ = try? await etcd.transaction(resignation, timeout: .seconds(1))
        }
        await resigning.value
        await etcd.letGo(leadership.lease.id)
    }
}
