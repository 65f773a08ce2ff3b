import FluxonLinearizability
import FluxonCore
import FluxonMaster
import FluxonOwner

/// CONSISTENCY §10 as far as a simulation can see it. Each invariant is judged in the one place that carries its number.
struct Invariants {
    private(set) var violations: [String] = []

    private struct VersionOfKey: Hashable {
        let key: Key
        let version: Version
    }

    private struct Place: Hashable {
        let host: Int
        let life: UInt64
    }

    /// I1: the bytes that (key, version) names.
    private var contents: [VersionOfKey: UInt64] = [:]
    private var published: Set<VersionOfKey> = []
    private var completed: Set<VersionOfKey> = []
    private var completedVersions: Set<Version> = []
    private var exposedVersions: Set<VersionOfKey> = []
    /// The newest version of a key, or absence, that somebody may have learnt.
    private(set) var exposed: [Key: Version] = [:]
    private var newest: [Key: (version: Version, kind: CommitKind)] = [:]
    private var newestPerTerm: [Key: Version] = [:]
    /// Owners' lives that have the newest version of a key and did nothing that loses it (I9).
    private var goodCopies: [Key: Set<Place>] = [:]
    private var terms: [Place: UInt64] = [:]
    private var generations: [Int: UInt64] = [:]

    mutating func fail(_ text: String) { violations.append(text) }

    /// I1: (key, version) names one sequence of bytes forever.
    mutating func identity(_ key: Key, _ version: Version, _ content: UInt64) {
        let name = VersionOfKey(key: key, version: version)
        if let known = contents[name], known != content { fail("I1: \(key) in \(version) is \(known) and \(content)") }
        contents[name] = content
    }

    func value(_ key: Key, _ version: Version) -> UInt64? { contents[VersionOfKey(key: key, version: version)] }

    /// I1: versions of a key grow in completion order.
    mutating func operationCompleted(_ commit: LinkCommit, _ version: Version) {
        let name = VersionOfKey(key: commit.key, version: version)
        if !completed.insert(name).inserted { fail("I1: \(version) of \(commit.key) completed twice") }
        if !completedVersions.insert(version).inserted { fail("I1: \(version) was given twice") }
        if let last = newestPerTerm[commit.key], last.term == version.term, last >= version {
            fail("I1: \(commit.key) completed in \(version) after \(last)")
        }
        newestPerTerm[commit.key] = version
        if commit.kind == .put { identity(commit.key, version, commit.byteCount) }
        if (newest[commit.key]?.version ?? version) <= version {
            newest[commit.key] = (version, commit.kind)
            goodCopies[commit.key] = []
        }
    }

    mutating func expose(_ key: Key, _ version: Version) {
        exposedVersions.insert(VersionOfKey(key: key, version: version))
        exposed[key] = max(exposed[key] ?? version, version)
    }

    mutating func removed(_ key: Key, _ version: Version) {
        expose(key, version)
        newest[key] = (version, .remove)
        goodCopies[key] = []
    }

    mutating func published(_ key: Key, _ version: Version, at host: SimulatedHost) {
        published.insert(VersionOfKey(key: key, version: version))
        if let newest = newest[key], version >= newest.version {
            goodCopies[key, default: []].insert(Place(host: host.number, life: host.owner.life))
        }
    }

    mutating func evicted(_ key: Key, at host: SimulatedHost) {
        goodCopies[key]?.remove(Place(host: host.number, life: host.owner.life))
    }

    /// R4, R6, R9: what this life has may go, and what others parked for its undecided commits.
    mutating func distrusted(_ host: SimulatedHost) {
        for key in host.table?.keysInFlight ?? [] { goodCopies[key] = [] }
        for key in goodCopies.keys { goodCopies[key]?.remove(Place(host: host.number, life: host.owner.life)) }
    }

    /// I8: the caller's answer never precedes completion.
    mutating func answered(_ version: Version) {
        if !completedVersions.contains(version) { fail("I8: \(version) was answered before it was completed") }
    }

    /// I8: nothing is exposed before C5's acknowledgement: whoever is told of a version is told of one that its committer has
    /// published, or has lost the right to.
    mutating func told(_ key: Key, _ version: Version) {
        let name = VersionOfKey(key: key, version: version)
        if !published.contains(name), !exposedVersions.contains(name) {
            fail("I8: \(version) of \(key) is shown before its committer took it")
        }
    }

    /// I9: an unreported key turns absent only if everybody who had its current version crashed or is not believed, or evicted it.
    mutating func foundAbsent(_ key: Key) {
        guard let newest = newest[key], newest.kind == .put, let places = goodCopies[key], !places.isEmpty else { return }
        fail("I9: \(key) in \(newest.version) is lost although \(places.count) owners have it")
    }

    /// I7: terms and generations seen by an owner never fall.
    mutating func seen(_ host: SimulatedHost, term: UInt64, generation: UInt64) {
        let place = Place(host: host.number, life: host.owner.life)
        if let last = terms[place], last > term { fail("I7: \(host.instance) went from term \(last) to \(term)") }
        if generation > 0, let last = generations[host.number], last > generation {
            fail("I7: \(host.instance) fell to generation \(generation)")
        }
        terms[place] = term
        if generation > 0 { generations[host.number] = generation }
    }
}

extension Simulation {
    func observe(_ note: RoutingNote, at time: UInt64, _ master: SimulatedMaster) {
        if case .completed = note {
            trace.add(now, 10, UInt64(master.number), 1, "master \(master.number): completed")
        } else {
            trace.add(now, 10, UInt64(master.number), 0, "master \(master.number): \(note)")
        }
        switch note {
        case .operationCompleted(_, let commit, let version):
            checkCompletion(commit.key, version)
            invariants.operationCompleted(commit, version)
        case .exposed(_, let key, let version): invariants.expose(key, version)
        case .removed(let key, let version, _):
            invariants.removed(key, version)
            history.add(key, .remove, time, now)
        case .completed(let existing): checkUnreported(existing, time)
        case .lost(let instance):
            if let host = hosts.first(where: { $0.instance == instance }) { invariants.distrusted(host) }
        case .anomaly(let text): invariants.fail("anomaly: \(text)")
        case .sessionBegan, .sessionEnded, .bypassed, .opened: break
        }
    }

    /// R7: with every owner heard or lost, what nobody reported is absent from here on.
    private func checkUnreported(_ existing: [Key], _ time: UInt64) {
        for key in keys where !existing.contains(key) {
            invariants.foundAbsent(key)
            history.add(key, .remove, time, now)
        }
    }

    /// I5: at a completion nobody can serve an older version by itself any more.
    private func checkCompletion(_ key: Key, _ version: Version) {
        for host in hosts {
            let local = host.clock.read(at: now)
            for store in host.stores where !store.isFenced && local < store.deadline {
                if let entry = store.entries[key], entry.copy.version < version {
                    invariants.fail("I5: \(version) of \(key) completed while \(host.instance) may serve \(entry.copy.version)")
                }
            }
        }
    }

    /// I8, on the wire.
    func checkExposure(_ frame: MasterFrame) {
        for message in frame.messages {
            guard case .found(let answer) = message, case .copy(let copy) = answer.content else { continue }
            if let key = keys.first(where: { invariants.value($0, copy.version) != nil }) { invariants.told(key, copy.version) }
        }
    }

    /// After every turn.
    func checkInvariants() {
        for host in hosts {
            let local = host.clock.read(at: now)
            for store in host.stores {
                // I3 and I4 are found where the store is changed.
                if !store.violations.isEmpty { store.violations.forEach { invariants.fail($0) } }
                guard !store.isFenced, local < store.deadline else { continue }
                // I2.
                for key in keys {
                    guard let entry = store.entries[key], let exposed = invariants.exposed[key], entry.copy.version < exposed else {
                        continue
                    }
                    invariants.fail("I2: \(host.instance) may serve \(entry.copy.version) of \(key), \(exposed) is exposed")
                }
            }
            checkHolder(host, local)
        }
    }

    /// I6 and I7.
    private func checkHolder(_ host: SimulatedHost, _ local: BootInstant) {
        guard let term = host.table?.term, let generation = host.table?.generation.number else { return }
        invariants.seen(host, term: term, generation: generation)
        guard host.table?.isValid(now: local) == true, let number = host.table?.sessionNumber else { return }
        for master in masters {
            guard let routing = master.table, routing.term == term, let session = routing.session(of: host.instance),
                session.number == number, session.isActive
            else { continue }
            if metadata.roster[host.instance] == nil { invariants.fail("I6: \(host.instance) serves without being in the roster") }
            for key in host.store.publishedKeys {
                guard let copy = host.store.find(key) else { continue }
                if routing.placement(of: key)?.holders.contains(session.owner) != true {
                    invariants.fail("I6: \(host.instance) has \(key) in \(copy.version), the master does not list it")
                }
            }
        }
    }

    /// I11.
    func checkHistories() {
        history.closeAll()
        for key in keys {
            guard let operations = history.operations[key], let stuck = Linearizability.violation(in: operations) else { continue }
            let text = stuck.map { "    \($0.action) \(Double($0.start) / 1e9) – \($0.end.map { Double($0) / 1e9 } ?? .infinity)" }
            invariants.fail("I11: the history of \(key) has no order:\n" + text.joined(separator: "\n"))
        }
    }
}
