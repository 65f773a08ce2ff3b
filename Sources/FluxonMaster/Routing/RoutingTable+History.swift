package import FluxonCore

/// An owner that knocks with a history that this master's etcd does not know.
struct Stranger: Sendable {
    var hello: LinkHello
    /// The first knock: what etcd has confirmed since speaks for this master.
    let since: BootInstant
    var last: BootInstant
    var isTold = false
}

/// What `fluxon recover` would write, and what it says of it.
package struct RecoveryPlan: Hashable, Sendable {
    package var answer = RecoveryAnswer()
    /// The whole roster.
    package var entries: [InstanceKey: RosterEntry] = [:]
    /// Terms that become part of etcd's history.
    package var terms: [TermHistory.Term] = []
}

// An etcd that was wiped, replaced or restored (decision 0040).
//
//     known ──hello of an unknown history──▶ doubted ──etcd confirmed this master since──▶ lost: acts no more ──recovered──▶ next term
//                                               └── deposed: it was this master that knew too little
//
// Once something was completed in this term it goes on, and the stranger alone is refused: two histories cannot be made one.
extension RoutingTable {
    /// What is known to be lost can still be kept: nothing has been completed without it.
    package var isHistoryLost: Bool {
        !strangers.isEmpty && sequence == 0 && strangers.values.contains { authority.isConfirmed(since: $0.since) }
    }

    /// By name; for the status.
    package var strangerNames: [String] { strangers.keys.map(\.name).sorted() }

    /// Whether this owner is one of the cluster's: the roster has it, or it waits for `fluxon recover` and knocks again and again.
    package func expects(_ instance: InstanceKey) -> Bool { rosterState(of: instance) != nil || strangers[instance] != nil }

    /// Whether etcd knows what this owner has seen. One that was never welcomed has seen nothing.
    func isOfThisHistory(_ hello: LinkHello) -> Bool {
        guard !history.terms.isEmpty, hello.owner.number != 0 else { return true }
        guard hello.term == term || history.knows(hello.term) else { return false }
        guard let seen = hello.mark else { return true }
        return seen.term == term ? seen <= mark : history.knows(seen)
    }

    mutating func meet(_ hello: LinkHello, _ connection: ConnectionID, now: BootInstant) {
        var stranger = strangers[hello.instance] ?? Stranger(hello: hello, since: now, last: now)
        defer { strangers[hello.instance] = stranger }
        if stranger.hello.life != hello.life { stranger = Stranger(hello: hello, since: now, last: now) }
        stranger.hello = hello
        stranger.last = now
        guard authority.isConfirmed(since: stranger.since) else {
            let text = "this master's term is \(term), the owner has seen \(hello.term); asking etcd which is right"
            return refuse(connection, .oldTerm, text)
        }
        let remedy =
            sequence == 0
            ? "`fluxon recover` keeps what it holds; starting it again drops that"
            : "this master has gone on without it: start it again, what it holds is lost to the cluster"
        if !stranger.isTold { note(.historyUnknown(hello.instance, remedy: remedy)) }
        stranger.isTold = true
        refuse(
            connection, .unknownHistory,
            "etcd does not know term \(hello.term), which \(hello.instance) has seen: etcd was wiped, replaced, or restored from an older "
                + "state; \(remedy)")
    }

    /// One that comes no more is dead, or has started again.
    mutating func expireStrangers(now: BootInstant) {
        guard !strangers.isEmpty else { return }
        strangers = strangers.filter { now < $0.value.last.advanced(by: timing.lostAfter) }
    }

    var strangersExpireAt: BootInstant {
        strangers.values.map { $0.last.advanced(by: timing.lostAfter) }.min() ?? BootInstant(nanoseconds: .max)
    }

    /// At the end of a turn: what this connection is to be told of the history. Only of a roster that has its owner `in`.
    func newMark(_ session: RoutingSession, _ id: OwnerID) -> HistoryMark? {
        guard session.toldMark != mark, session.isActive, owners[id.place].isWritten, owners[id.place].desired.state == .in else {
            return nil
        }
        return mark
    }

    // MARK: Recovery

    /// Nil: there is nothing to recover, or no longer.
    ///
    /// Believed is who has seen the last mark that anybody has seen: the roster counted it as `in` there, and nobody here has seen a
    /// completion behind it. All others may have been bypassed since: they keep nothing (R6, decision 0010).
    package func recovery() -> RecoveryPlan? {
        guard isHistoryLost else { return nil }
        let last = strangers.values.compactMap(\.hello.mark).max()
        let kept = strangers.filter { last != nil && $0.value.hello.mark == last }
        var plan = RecoveryPlan()
        var taken: Set<UInt32> = []
        var next = (owners.map(\.id.number) + strangers.values.map(\.hello.owner.number)).max() ?? 0
        func add(_ instance: InstanceKey, _ entry: RosterEntry) {
            var entry = entry
            if !taken.insert(entry.owner.number).inserted {
                // Its number is another's in the history that is kept: causes that name it would be taken for that one's.
                next = min(next, UInt32(Limits.members) * 16) + 1
                entry.owner = OwnerID(next)
                if entry.state == .in { entry.state = .bypassed(term: term) }
                taken.insert(next)
            }
            plan.entries[instance] = entry
        }
        for (instance, stranger) in kept.sorted(by: { $0.key < $1.key }) { add(instance, entry(of: stranger, .in)) }
        for (instance, stranger) in strangers.sorted(by: { $0.key < $1.key }) where kept[instance] == nil {
            add(instance, entry(of: stranger, .bypassed(term: term)))
        }
        for owner in owners where plan.entries[owner.instance] == nil && !owner.instance.name.isEmpty {
            var entry = owner.desired
            if entry.state == .in { entry.state = .bypassed(term: term) }
            add(owner.instance, entry)
        }
        plan.answer.owners = strangers.keys.sorted().map { instance in
            RecoveryAnswer.Owner(instance: instance, isKept: plan.entries[instance]?.state == .in)
        }
        let present = UInt64(plan.answer.owners.count(where: \.isKept))
        plan.answer.missing = max(last?.owners ?? 0, present) - present
        plan.terms = strangers.values.flatMap { stranger in
            [TermHistory.Term(number: stranger.hello.term)]
                + (stranger.hello.mark.map { [TermHistory.Term(number: $0.term, writes: $0.writes)] } ?? [])
        }
        return plan
    }

    private func entry(of stranger: Stranger, _ state: RosterEntry.State) -> RosterEntry {
        RosterEntry(owner: stranger.hello.owner, generation: stranger.hello.generation, state: state, life: stranger.hello.life)
    }
}
