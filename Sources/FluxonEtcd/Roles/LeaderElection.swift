/// The rules of electing one leader by a key (CONSISTENCY G1, G3): the term of a leader is the key's create revision, and everything
/// that a leader writes is guarded by it. Transactions and the meaning of their results; no I/O.
package struct LeaderElection: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// This candidate leads, in this term.
        case elected(term: Int64)
        /// Another leads. Watch its key from `revision` + 1 on, and campaign again when it is deleted.
        case held(leader: EtcdKeyValue, revision: Int64)
    }

    package let key: String

    package init(key: String) { self.key = key }

    /// Takes the leadership if nobody has it. The key goes with `lease`.
    ///
    /// Its outcome may be unknown (`EtcdError.unknownOutcome`): then send it again; `outcome` recognises the own lease.
    package func campaign(value: String, lease: Int64) -> EtcdTransaction {
        EtcdTransaction(if: [.isAbsent(key)], then: [.put(key, value, lease: lease)], else: [.get(key)])
    }

    /// What the answer to `campaign` means for the candidate with `lease`.
    package func outcome(of result: EtcdTransactionResult, lease: Int64) -> Outcome? {
        if result.succeeded { return .elected(term: result.revision) }
        guard let leader = result.keyValues(at: 0)?.first else { return nil }
        return leader.lease == lease ? .elected(term: leader.createRevision) : .held(leader: leader, revision: result.revision)
    }

    /// `operations`, only while the leader of `term` leads. With none it just proves that.
    package func guarded(term: Int64, _ operations: [EtcdOperation] = [], and compare: [EtcdCompare] = []) -> EtcdTransaction {
        // The failure branch reads the leader's key: so a failed extra condition and a lost leadership can be told apart.
        EtcdTransaction(if: [.createRevision(of: key, .equal, term)] + compare, then: operations, else: [.get(key)])
    }

    /// Whether the answer to a guarded transaction shows that `term` is over. A success never does.
    package func isOver(term: Int64, after result: EtcdTransactionResult) -> Bool {
        !result.succeeded && result.keyValues(at: 0)?.first?.createRevision != term
    }

    /// Gives the leadership up, if it is still that of `term`.
    package func resignation(term: Int64) -> EtcdTransaction {
        EtcdTransaction(if: [.createRevision(of: key, .equal, term)], then: [.delete(key)])
    }
}
