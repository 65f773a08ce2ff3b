import FluxonCore
import FluxonMaster

/// etcd as the protocol uses it: a leader key with its create revision, a roster, transactions guarded by the leader key. Every
/// operation is atomic at the moment when it is called; delays are the caller's.
struct SimulatedMetadata {
    struct Leader: Equatable {
        var master: Int
        var term: UInt64
        var expiry: UInt64
    }

    private(set) var revision: UInt64 = 0
    private(set) var leader: Leader?
    private(set) var roster: [InstanceKey: RosterEntry] = [:]
    /// Decision 0040.
    private(set) var history = TermHistory()
    /// The roster as the master of each term knows it: what it found at its election, and what it wrote.
    private(set) var rosterOfTerm: [UInt64: [InstanceKey: RosterEntry]] = [:]
    /// Owners whose present generation began in a term.
    private(set) var bornInTerm: [UInt64: Set<InstanceKey>] = [:]
    private var written: [InstanceKey: (term: UInt64, number: UInt64)] = [:]

    /// - Returns: The term, when there was no leader.
    mutating func campaign(_ master: Int, now: UInt64, timeToLive: UInt64) -> UInt64? {
        expire(now: now)
        guard leader == nil else { return nil }
        revision += 1
        leader = Leader(master: master, term: revision, expiry: now + timeToLive)
        rosterOfTerm[revision] = roster
        history.append(revision)
        return revision
    }

    /// G1: a guarded transaction, and the lease's keep-alive with it.
    mutating func renew(term: UInt64, now: UInt64, timeToLive: UInt64) -> Bool {
        expire(now: now)
        guard leader?.term == term else { return false }
        leader?.expiry = now + timeToLive
        return true
    }

    /// G3. A repetition that arrives behind a later write of the same master changes nothing: in etcd, a comparison of the entry's
    /// `mod_revision`.
    mutating func write(_ entry: RosterEntry, of owner: InstanceKey, term: UInt64, number: UInt64, now: UInt64) -> Bool {
        expire(now: now)
        guard leader?.term == term else { return false }
        if let last = written[owner], last >= (term, number) { return true }
        written[owner] = (term, number)
        revision += 1
        if roster[owner]?.generation != entry.generation { bornInTerm[term, default: []].insert(owner) }
        roster[owner] = entry
        history.wrote(in: term)
        rosterOfTerm[term, default: [:]][owner] = entry
        return true
    }

    /// etcd may let a lease end whenever it likes: no rule relies on its timing.
    mutating func endLease() { leader = nil }

    mutating func expire(now: UInt64) {
        if let expiry = leader?.expiry, expiry <= now { leader = nil }
    }
}
