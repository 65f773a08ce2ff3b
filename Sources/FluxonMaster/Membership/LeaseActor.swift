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
    var rosterRevisions: [InstanceKey: Int64] = [:]
    /// The terms as this one read or wrote them last, and the `mod_revision` of that.
    var history = TermHistory()
    var historyRevision: Int64 = 0
    /// What hinders this master, for the log.
    private var trouble = StateLog<String>()
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
        election = LeaderElection(key: keyspace.leader, history: keyspace.history)
        self.timing = timing
        self.logger = logger
    }

    /// Waits for the leadership, then reads the roster and makes the term's routing table (R5).
    ///
    /// - Parameters:
    ///   - line: What owners find under the leader key, beside the term.
    ///   - endsAt: Whether a final refusal of etcd's ends this master: at its start, while there is nothing to lose.
    package func win(
        cluster: String, instance: InstanceKey, line: AttributeLine, endsAt: @escaping @Sendable (EtcdError) -> Bool,
        onLost: @escaping @Sendable () -> Void
    ) async throws(EtcdError) -> (leadership: Leadership, table: RoutingTable) {
        let logger = logger
        let patience = EtcdPatience(
            endsAt: endsAt, onTrouble: { [weak self] error in self?.assumeIsolated { $0.isTroubled("no leadership", error) } },
            onServed: { [weak self] in self?.assumeIsolated { $0.isServed() } })
        let (waits, wait) = AsyncStream.makeStream(of: Void.self)
        let shown = showStandby(of: instance, line, once: waits)
        defer { shown.cancel() }
        while true {
            let leadership = try await etcd.campaign(
                election, line: line, ttl: Self.leaderLease, patience: patience, onLost: onLost,
                onLeader: { leader in
                    wait.yield()
                    logger.info("another master leads", metadata: ["fluxon.leader": "\(leader.valueText)"])
                })
            let electedAt = loop.now
            let authority = Authority(term: leadership.term, electionSent: leadership.sent, timing: timing)
            let reading = election.guarded(
                by: leadership.value, [.range(EtcdRange(.prefix(keyspace.roster))), .get(keyspace.history)])
            let result = try await etcd.reading(reading, patience: patience)
            guard result.succeeded else {
                await etcd.letGo(leadership.lease.id)
                continue
            }
            let roster = readRoster(result.keyValues(at: 0) ?? [])
            history = leadership.history
            historyRevision = result.keyValues(at: 1)?.first?.modRevision ?? 0
            let table = RoutingTable(
                cluster: cluster, authority: authority, electedAt: electedAt, timing: timing, roster: roster, history: history)
            self.leadership = leadership
            return (leadership, table)
        }
    }

    private func readRoster(_ keyValues: [EtcdKeyValue]) -> [(InstanceKey, RosterEntry)] {
        rosterRevisions = [:]
        return keyValues.compactMap { keyValue in
            let name = InstanceKey(String(decoding: keyValue.key.dropFirst(keyspace.roster.utf8.count), as: UTF8.self))
            rosterRevisions[name] = keyValue.modRevision
            guard let entry = RosterEntry(parsing: keyValue.valueText) else {
                logger.error(
                    "a roster entry makes no sense; remove it when no owner has this name", metadata: ["fluxon.instance": "\(name)"])
                return nil
            }
            return (name, entry)
        }
    }

    /// Renews the authority until the term is over or the task is cancelled.
    package func renew(_ leadership: Leadership, routing: RoutingActor) async {
        let proof = election.guarded(by: leadership.value, [.get(keyspace.history)])
        while !Task.isCancelled {
            let sent = loop.now
            let known = history
            do throws(EtcdError) {
                let result = try await etcd.transaction(proof, timeout: timing.authority)
                if election.isOver(leadership.value, after: result) { return }
                if isRolledBack(result.keyValues(at: 0), behind: known, leadership) { return }
                isServed()
                await routing.confirmedAuthority(sending: sent)
            } catch {
                if !Task.isCancelled { isTroubled("authority not renewed", error) }
            }
            try? await loop.sleep(until: sent.advanced(by: timing.renewalInterval))
        }
    }

    /// An etcd that has forgotten what this term wrote was restored under it: the next term reads what there is, and finds out what owners
    /// have seen (decision 0040).
    func isRolledBack(_ read: [EtcdKeyValue]?, behind known: TermHistory, _ leadership: Leadership) -> Bool {
        let present = read?.first.flatMap { TermHistory(parsing: $0.valueText) }
        let needed = known.writes(in: leadership.term) ?? 0
        guard (present?.writes(in: leadership.term)).map({ $0 < needed }) ?? true else { return false }
        logger.error(
            "etcd has forgotten what this master wrote: it was restored, or its history was removed; campaigning anew",
            metadata: ["fluxon.term": "\(leadership.term)"])
        return true
    }

    /// Makes the owners' history etcd's own, in one guarded step after the roster that goes with it; the term is to end then.
    func recover(_ plan: RecoveryPlan, _ leadership: Leadership) async throws(EtcdError) -> Bool {
        var adopted = history
        adopted.adopt(plan.terms)
        let entries = plan.entries.sorted { $0.key < $1.key }.map { EtcdOperation.put(keyspace.rosterEntry(of: $0.key), $0.value.text) }
        // One that is cut short is done again.
        for start in stride(from: 0, to: entries.count, by: Limits.rosterBatch) {
            let part = Array(entries[start..<min(start + Limits.rosterBatch, entries.count)])
            let result = try await etcd.transaction(election.guarded(by: leadership.value, part), timeout: timing.authority)
            guard result.succeeded else { return false }
        }
        let last = election.guarded(by: leadership.value, [.put(keyspace.history, adopted.text)])
        return try await etcd.transaction(last, timeout: timing.authority).succeeded
    }

    // MARK: Trouble

    func isTroubled(_ what: String, _ error: EtcdError) {
        guard let count = trouble.note("\(what): \(error)", now: loop.now) else { return }
        ServiceNotifier.status("waits: \(error)")
        logger.warning("\(what); trying on", metadata: ["fluxon.error": "\(error)", "fluxon.times": "\(count)"])
    }

    func isServed() {
        if trouble.cleared() { logger.notice("etcd serves again") }
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
                _ = try await etcd.transaction(election.guarded(by: leadership.value, operations), timeout: timing.authority)
            } catch {
                return isTroubled("presence not written", error)
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
            _ = try await etcd.transaction(election.resignation(of: leader.value))
            // Presence hangs on the same lease.
            try await etcd.revoke(leader.lease)
            logger.info("the leadership of this master's former life is ended", metadata: ["fluxon.leader": "\(leader.valueText)"])
        } catch {
            // Then it runs out by itself.
            logger.warning("the leadership of this master's former life is not ended", metadata: ["fluxon.error": "\(error)"])
        }
    }

    /// Gives the leadership up at once, so that the next master need not wait for the lease to run out.
    package func resign(_ leadership: Leadership) async {
        self.leadership = nil
        let resignation = election.resignation(of: leadership.value)
        // In a task of its own: that of a master which was told to stop is cancelled by now, and would send nothing.
        let resigning = Task(executorPreference: loop.taskExecutor) { [etcd] in
            _ = try? await etcd.transaction(resignation, timeout: .seconds(1))
        }
        await resigning.value
        await etcd.letGo(leadership.lease.id)
    }
}
