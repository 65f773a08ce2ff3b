import FluxonCore
import FluxonLinearizability
import FluxonMaster
import FluxonOwner
import FluxonPool
import struct FluxonTransfer.TicketTable

// The invariants that look at the cluster as it is; `Invariants` has the table of all.
extension Simulation {
    func checkInvariants(after turned: SimulatedHost? = nil) {
        for host in hosts {
            i3OnePublished(host)
            i2NothingStale(host)
            i6Listed(host)
            if let term = host.table?.term, let generation = host.table?.generation.number {
                invariants.i7NeverFalls(host, term: term, generation: generation)
            }
        }
        if let turned { i4Referenced(turned) }
    }

    /// If a version of a key is exposed, nobody has an older one published while now < D.
    private func i2NothingStale(_ host: SimulatedHost) {
        let local = host.clock.read(at: now)
        for store in host.stores where !store.isFenced && local < store.deadline {
            for key in keys {
                guard let exposed = invariants.exposed[key], let copy = store.find(key), copy.version < exposed else { continue }
                invariants.fail("I2: \(host.instance) may serve \(copy.version) of \(name(key)), \(exposed) is exposed", of: key)
            }
        }
    }

    /// At most one published entry per key and owner: the pool refuses a second. I4's and L2's refusals are noted there too.
    private func i3OnePublished(_ host: SimulatedHost) {
        for store in host.stores where !store.violations.isEmpty {
            for violation in store.violations { invariants.fail("\(violation), at \(host.instance)") }
        }
    }

    /// What is published lies in an extent that nobody else may get.
    private func i4Referenced(_ host: SimulatedHost) {
        for key in keys {
            guard let copy = host.store.find(key), host.store.pool.extent(at: copy.extent.offset) != copy.extent else { continue }
            invariants.fail("I4: \(name(key)) in version \(copy.version) is published at \(host.instance) in a free extent", of: key)
        }
    }

    /// At a completion nobody can serve an older version by itself any more.
    private func i5NobodyServesOlder(_ key: Key, _ version: Version) {
        for host in hosts {
            let local = host.clock.read(at: now)
            for store in host.stores where !store.isFenced && local < store.deadline {
                guard let copy = store.find(key), copy.version < version else { continue }
                invariants.fail(
                    "I5: \(version) of \(name(key)) is completed while \(host.instance) may serve \(copy.version)", of: key)
            }
        }
    }

    /// Who may serve is in the roster, and in the holder set of the master whose term it obeys.
    private func i6Listed(_ host: SimulatedHost) {
        guard let term = host.table?.term, host.table?.isValid(now: host.clock.read(at: now)) == true,
            let number = host.table?.sessionNumber
        else { return }
        for master in masters {
            guard let routing = master.table, routing.term == term, let session = routing.session(of: host.instance),
                session.number == number, session.isActive
            else { continue }
            if metadata.roster[host.instance] == nil { invariants.fail("I6: \(host.instance) serves without being in the roster") }
            for key in keys {
                guard let copy = host.store.find(key), routing.placement(of: key)?.holders.contains(session.owner) != true else { continue }
                invariants.fail(
                    "I6: \(host.instance) has \(name(key)) in \(copy.version), master-\(master.number) does not list it", of: key)
            }
        }
    }

    /// No completion in a term before each roster owner reported to it, or is bypassed by it, or lost.
    private func i7ReportedFirst(_ key: Key, _ version: Version) {
        let roster = metadata.rosterOfTerm[version.term] ?? [:]
        for (instance, entry) in roster.sorted(by: { $0.key < $1.key }) {
            let isOut = entry.state == .lost || entry.state == .bypassed(term: version.term)
            let isNew = metadata.bornInTerm[version.term]?.contains(instance) ?? false
            if isOut || isNew || reports.contains(Report(term: version.term, instance: instance)) { continue }
            invariants.fail("I7: \(version) of \(name(key)) is completed before \(instance) reported or was bypassed", of: key)
        }
    }

    /// A get returns what was current at some moment between its call and its answer.
    func i11Linearizable() {
        history.closeAll()
        for key in keys {
            guard let operations = history.operations[key], let stuck = Linearizability.violation(in: operations) else { continue }
            let text = stuck.sorted { $0.start < $1.start }.map { operation in
                let end = operation.end.map { SimulationTrace.clock($0) } ?? "      open"
                return "\n    \(SimulationTrace.clock(operation.start)) – \(end)  \(operation.action.story)"
            }
            invariants.fail("I11: the history of \(name(key)) has no order; it gets stuck among:" + text.joined(), of: key)
        }
    }

    /// Every live extent has somebody who refers to it.
    func checkLeaks() {
        for host in hosts where host.table != nil {
            host.store.pool.collect()
            let statistics = host.store.pool.statistics
            let granted = host.sessions.reduce(0) { $0 + $1.ledger.grantedCount }
            // Published or retired and pinned, parked, on its way in or out; the long keys of entries.
            let expected =
                statistics.publishedEntries * 2 + statistics.retiredEntries * 2 + granted + host.tickets.count + 2 * keys.count
                + host.commits.count + host.gets.count
            if statistics.liveExtents > expected {
                invariants.fail("leak: \(host.instance) has \(statistics.liveExtents) live extents, known are \(expected)")
            }
        }
    }

    // MARK: What masters and messages say

    func observe(_ note: RoutingNote, at time: UInt64, _ master: SimulatedMaster) {
        tell(note, master)
        switch note {
        case .operationCompleted(let operation, let commit, let version):
            i5NobodyServesOlder(commit.key, version)
            i7ReportedFirst(commit.key, version)
            invariants.operationCompleted(operation, commit, version)
            commitCompletes(operation, commit.condition, master)
        case .exposed(let operation, let key, let version): invariants.exposed(operation, key, version)
        case .removing(let key, let version): invariants.removing(key, version)
        case .removed(let key, let version, _):
            // A master that was stopped works off what it had read; nobody hears of it when another has gone on meanwhile.
            guard !invariants.isOutdated(key, version) else { return }
            invariants.removed(key, version)
            history.add(key, .remove, time, now)
        case .completed(let existing):
            // R7: with every owner heard or lost, what nobody reported is absent from here on.
            let undecided = Set(hosts.flatMap { $0.table?.commitsInFlight.map(\.operation) ?? [] })
            for key in keys where !existing.contains(key) {
                // A deposed master that read the roster late believes what nobody hears.
                if let exposed = invariants.exposed[key], let term = master.table?.term, exposed.term > term { continue }
                invariants.i9AbsentInOrder(key, undecided: undecided)
                history.add(key, .remove, time, now)
            }
        case .lost(let instance):
            if let host = hosts.first(where: { $0.instance == instance }) { invariants.distrusted(host) }
        case .anomaly(let text): invariants.fail("anomaly: \(text)")
        case .opened: termOpens()
        case .historyUnknown(let instance, _): invariants.fail("anomaly: \(instance) has seen what the metadata do not know")
        case .sessionBegan, .sessionEnded, .bypassed: break
        }
    }

    /// What a master tells of versions. A version is some key's alone.
    func checkExposure(_ frame: MasterFrame, _ exposedBefore: [Key: Version]) {
        for message in frame.messages {
            guard case .found(let answer) = message else { continue }
            switch answer.content {
            case .copy(let copy):
                guard let key = keys.first(where: { invariants.value($0, copy.version) != nil }) else { continue }
                invariants.i8ShownAfterTaken(key, copy.version)
                invariants.i9NeverBack(key, copy.version, after: exposedBefore[key])
            case .metadata(let version, _):
                // May be said again over a new connection, long after.
                if let key = keys.first(where: { invariants.value($0, version) != nil }) { invariants.i8ShownAfterTaken(key, version) }
            case .absent: break
            }
        }
    }

    /// Reports that are complete, for I7.
    func noteReports(to master: SimulatedMaster) {
        guard let table = master.table else { return }
        for host in hosts where table.session(of: host.instance)?.isActive == true {
            reports.insert(Report(term: table.term, instance: host.instance))
        }
    }
}

struct Report: Hashable {
    let term: UInt64
    let instance: InstanceKey
}
