import FluxonCore
import FluxonMaster
import FluxonOwner
import FluxonPool

/// CONSISTENCY §10, each invariant in the functions that carry its number; here those that need what happened before, in
/// `Simulation+Invariants` those that look at the cluster as it is.
///
/// | | function | asked |
/// |---|---|---|
/// | I1 | `i1Content` | at every publication, read and completion |
/// | | `i1Order` | at every completion |
/// | I2 | `i2NothingStale` | after every turn of an owner or master |
/// | I3 | `i3OnePublished` | after every turn: what a pool refused |
/// | I4 | `i4Whole` | at every read, local, handed over or from another owner |
/// | | `i4Unchanged` | when a value that was held for a while is let go |
/// | | `i4Referenced` | after every turn: published extents are live, nobody counts references wrongly |
/// | I5 | `i5NobodyServesOlder` | at every completion |
/// | I6 | `i6Listed` | after every turn |
/// | I7 | `i7ReportedFirst` | at every completion |
/// | | `i7NeverFalls` | after every turn |
/// | I8 | `i8Once` | at every exposure |
/// | | `i8NotDecidedAgain` | at every completion |
/// | | `i8AnsweredAfterCompletion`, `i8TakenWithValidity` | at every answer `committed` |
/// | | `i8ShownAfterTaken` | at every answer to a lookup that leaves a master |
/// | I9 | `i9NeverBack` | the same |
/// | | `i9AbsentInOrder` | when a new master declares what nobody reported absent |
/// | I10 | `i10OneTenant` | when a process is granted pages |
/// | I11 | `i11Linearizable` | at the end, by the checker |
///
/// Beside them: `liveness` (every call ends well once all faults are over), `leak` (every extent has somebody who refers to it), `P5`,
/// `P7`, `L2`, `F1`, `F2` where the simulation meets these rules, and `codec` for every message. What only real memory shows (a
/// reordered load or store) is `PoolStressTests`' and the pin model's.
struct Invariants {
    private(set) var violations: [String] = []
    /// Of keys, for people.
    var name: (Key) -> String = { "\($0)" }

    struct VersionOfKey: Hashable {
        let key: Key
        let version: Version
    }

    private struct Place: Hashable {
        let host: Int
        let life: UInt64
    }

    private struct Replaced {
        let version: Version
        var operation: OperationReference
        var places: Set<Place>
    }

    /// The value that (key, version) names.
    private var contents: [VersionOfKey: UInt64] = [:]
    private var published: Set<VersionOfKey> = []
    private var completed: Set<VersionOfKey> = []
    private var exposedIn: [UInt64: Version] = [:]
    private var exposedOperations: [OperationReference: Version] = [:]
    private var completedVersions: Set<Version> = []
    private var exposedVersions: Set<VersionOfKey> = []
    /// The newest version of a key, or absence, that somebody may have learnt.
    private(set) var exposed: [Key: Version] = [:]
    private var newest: [Key: (version: Version, kind: CommitKind)] = [:]
    private var newestPerTerm: [Key: Version] = [:]
    /// Owners' lives that have the newest version of a key and did nothing that loses it (I9).
    private var goodCopies: [Key: Set<Place>] = [:]
    /// The same of the version that an operation replaces. As long as its owner waits for its outcome it may be decided anew (0017).
    private var replaced: [Key: Replaced] = [:]
    /// Commits whose owners are not believed any more.
    private var abandoned: Set<OperationReference> = []
    private var terms: [Place: UInt64] = [:]
    private var generations: [Int: UInt64] = [:]
    /// Keys that a violation named, for the story at the end.
    private(set) var suspects: [Key] = []

    mutating func fail(_ text: String, of key: Key? = nil) {
        violations.append(text)
        if let key, !suspects.contains(key) { suspects.append(key) }
    }

    func value(_ key: Key, _ version: Version) -> UInt64? { contents[VersionOfKey(key: key, version: version)] }

    // MARK: I1

    /// (key, version) names one sequence of bytes forever.
    mutating func i1Content(_ key: Key, _ version: Version, _ value: UInt64) {
        let name = VersionOfKey(key: key, version: version)
        if let known = contents[name], known != value {
            fail("I1: version \(version) of \(self.name(key)) is value \(known) and value \(value)", of: key)
        }
        contents[name] = value
    }

    /// Versions of a key grow in completion order; none is given twice.
    mutating func i1Order(_ commit: LinkCommit, _ version: Version) {
        if !completed.insert(VersionOfKey(key: commit.key, version: version)).inserted || !completedVersions.insert(version).inserted {
            fail("I1: version \(version) was given twice, to \(name(commit.key)) the second time", of: commit.key)
        }
        if let last = newestPerTerm[commit.key], last.term == version.term, last >= version {
            fail("I1: \(name(commit.key)) was completed in \(version) after \(last)", of: commit.key)
        }
        newestPerTerm[commit.key] = version
    }

    // MARK: I4

    /// The bytes that somebody sees are those of one value, the version's.
    ///
    /// - Returns: The value; nil when there is none, and that is a violation.
    mutating func i4Whole(_ value: UInt64?, _ key: Key, _ version: Version) -> UInt64? {
        guard let value else {
            fail("I4: the bytes of \(name(key)) in version \(version) are a mixture", of: key)
            return nil
        }
        guard let known = self.value(key, version), known != value else { return value }
        fail("I4: the bytes of \(name(key)) in version \(version) are those of value \(value), not \(known)", of: key)
        return nil
    }

    /// What was pinned is what it was, as long as the pin is held.
    mutating func i4Unchanged(_ value: UInt64?, was before: UInt64, _ key: Key, _ version: Version) {
        guard value != before else { return }
        let text = value.map { "those of value \($0)" } ?? "a mixture"
        fail("I4: the bytes of \(name(key)) in version \(version) changed under a pin from value \(before) to \(text)", of: key)
    }

    // MARK: I7

    /// Terms and generations seen by an owner never fall.
    mutating func i7NeverFalls(_ host: SimulatedHost, term: UInt64, generation: UInt64) {
        let place = Place(host: host.number, life: host.owner.life)
        if let last = terms[place], last > term { fail("I7: \(host.instance) went from term \(last) to \(term)") }
        terms[place] = term
        guard generation > 0 else { return }
        if let last = generations[host.number], last > generation { fail("I7: \(host.instance) fell to generation \(generation)") }
        generations[host.number] = generation
    }

    // MARK: I8

    /// A token takes effect at most once: every put has a value of its own. What was completed and seen by nobody may be decided anew
    /// by the next master (R9); what was exposed may not.
    private mutating func i8Once(_ key: Key, _ version: Version) {
        guard let value = value(key, version) else { return }
        if let first = exposedIn.updateValue(version, forKey: value), first != version {
            fail("I8: value \(value) of \(name(key)) took effect twice, in \(first) and in \(version)", of: key)
        }
    }

    /// The same of every operation, also one that removes. A deposed master may decide for itself what nobody hears any more.
    private mutating func i8NotDecidedAgain(_ operation: OperationReference, _ key: Key, _ version: Version) {
        if let exposed = exposedOperations[operation], exposed < version {
            fail("I8: \(operation) on \(name(key)) is completed again, in \(version), after \(exposed) was seen by others", of: key)
        }
    }

    /// The caller's answer never precedes completion.
    private mutating func i8AnsweredAfterCompletion(_ version: Version) {
        if !completedVersions.contains(version) { fail("I8: \(version) was answered before it was completed") }
    }

    /// Who takes a commit that nobody has seen may still serve by itself: otherwise the next master may go on without it (0017).
    private mutating func i8TakenWithValidity(_ key: Key, _ version: Version, by host: SimulatedHost, isValid: Bool) {
        if !isValid, !exposedVersions.contains(VersionOfKey(key: key, version: version)) {
            fail("I8: \(host.instance) shows version \(version) of \(name(key)) as the first, and its validity is over", of: key)
        }
    }

    /// Nothing is exposed before C5's acknowledgement: whoever is told of a version is told of one that its committer has published,
    /// or has lost the right to.
    mutating func i8ShownAfterTaken(_ key: Key, _ version: Version) {
        let name = VersionOfKey(key: key, version: version)
        if !published.contains(name), !exposedVersions.contains(name) {
            fail("I8: version \(version) of \(self.name(key)) is shown before its committer took it", of: key)
        }
    }

    // MARK: I9

    /// What a key shows never goes back to an older version.
    mutating func i9NeverBack(_ key: Key, _ version: Version, after exposed: Version?) {
        if let exposed, version < exposed {
            fail("I9: \(name(key)) is shown in version \(version) after \(exposed)", of: key)
        }
    }

    /// An unreported key turns absent only if everybody who had its current version crashed, is not believed, or evicted it.
    mutating func i9AbsentInOrder(_ key: Key, undecided: Set<OperationReference>) {
        if let newest = newest[key], newest.kind == .put { i9NobodyHas(key, newest.version, goodCopies[key] ?? []) }
        if let replaced = replaced[key], undecided.contains(replaced.operation) { i9NobodyHas(key, replaced.version, replaced.places) }
    }

    private mutating func i9NobodyHas(_ key: Key, _ version: Version, _ places: Set<Place>) {
        guard !places.isEmpty else { return }
        let owners = places.map { "owner-\($0.host)" }.sorted()
        fail("I9: \(name(key)) in version \(version) is lost although \(owners) have it", of: key)
    }

    // MARK: I10

    /// A page has one living writing tenant.
    mutating func i10OneTenant(_ span: PoolSpan, granted session: SimulatedSession, among living: [SimulatedSession]) {
        for other in living where other !== session {
            guard let held = other.spans.first(where: { $0.range.overlaps(span.range) }) else { continue }
            fail(
                "I10: \(session.client.name) is granted pages at \(span.offset) that \(other.client.name) has mapped for writing (\(held))")
        }
    }

    // MARK: What happened

    mutating func operationCompleted(_ operation: OperationReference, _ commit: LinkCommit, _ version: Version) {
        i8NotDecidedAgain(operation, commit.key, version)
        i1Order(commit, version)
        if commit.kind == .put { i1Content(commit.key, version, ValueBytes.value(ofByteCount: commit.byteCount)) }
        let former = newest[commit.key]
        guard former.map({ $0.version <= version }) ?? true else { return }
        if let former, former.kind == .put, exposedVersions.contains(VersionOfKey(key: commit.key, version: former.version)) {
            replaced[commit.key] = Replaced(
                version: former.version, operation: operation, places: goodCopies[commit.key] ?? [])
        } else {
            replaced[commit.key]?.operation = operation
        }
        newest[commit.key] = (version, commit.kind)
        goodCopies[commit.key] = []
    }

    /// Its owner has taken the outcome `committed`, and processes may have seen it: what it replaced does not come back (R9), also when
    /// the master never hears of it.
    mutating func taken(_ operation: OperationReference) {
        for (key, old) in replaced where old.operation == operation { replaced[key] = nil }
    }

    mutating func exposed(_ operation: OperationReference, _ key: Key, _ version: Version) {
        exposedOperations[operation] = max(exposedOperations[operation] ?? version, version)
        exposed(key, version)
    }

    /// Its caller may be the first to learn of it.
    mutating func answered(_ key: Key, _ version: Version, by host: SimulatedHost, isValid: Bool) {
        i8AnsweredAfterCompletion(version)
        i8TakenWithValidity(key, version, by: host, isValid: isValid)
        exposed(key, version)
    }

    private mutating func exposed(_ key: Key, _ version: Version) {
        i8Once(key, version)
        exposedVersions.insert(VersionOfKey(key: key, version: version))
        exposed[key] = max(exposed[key] ?? version, version)
        if let old = replaced[key], old.version < version { replaced[key] = nil }
    }

    /// Whether a later version was completed, by another master then.
    func isOutdated(_ key: Key, _ version: Version) -> Bool { newest[key].map { version < $0.version } ?? false }

    /// K3: from here on the version may go, whoever still has parked copies of it.
    mutating func removing(_ key: Key, _ version: Version) {
        guard newest[key]?.version == version else { return }
        goodCopies[key] = []
        replaced[key] = nil
    }

    mutating func removed(_ key: Key, _ version: Version) {
        exposed(key, version)
        newest[key] = (version, .remove)
        goodCopies[key] = []
    }

    mutating func published(_ key: Key, _ version: Version, at host: SimulatedHost, life: UInt64) {
        published.insert(VersionOfKey(key: key, version: version))
        if let newest = newest[key], version >= newest.version {
            goodCopies[key, default: []].insert(Place(host: host.number, life: life))
        }
    }

    mutating func evicted(_ key: Key, at host: SimulatedHost) {
        let place = Place(host: host.number, life: host.owner.life)
        goodCopies[key]?.remove(place)
        replaced[key]?.places.remove(place)
    }

    /// R4, R6, R9: what this life has may go, and what others parked for its undecided commits.
    mutating func distrusted(_ host: SimulatedHost) {
        for (operation, key) in host.table?.commitsInFlight ?? [] {
            abandoned.insert(operation)
            goodCopies[key] = []
            replaced[key] = nil
        }
        for key in goodCopies.keys { evicted(key, at: host) }
    }

    /// R9: a copy that is parked for an abandoned commit goes with it, also when the invalidation comes afterwards.
    mutating func invalidated(_ key: Key, for cause: OperationReference?, at host: SimulatedHost) {
        if let cause, abandoned.contains(cause) { evicted(key, at: host) }
    }
}
