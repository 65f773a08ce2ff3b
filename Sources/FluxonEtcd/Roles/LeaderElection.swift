package import FluxonCore

/// The rules of electing one leader by a key (CONSISTENCY G1, G3; decision 0040): the value that a leader writes there names its term,
/// which no other leader has, and everything that it writes is guarded by that value. The terms before it stand under a second key.
/// Transactions and the meaning of their results; no I/O.
package struct LeaderElection: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// This candidate leads, in this term.
        case elected(term: UInt64, value: [UInt8], history: TermHistory)
        /// Another leads. Watch its key from `revision` + 1 on, and campaign again when it is deleted.
        case held(leader: EtcdKeyValue, revision: Int64)
        /// Somebody wrote the history since it was read: read it and campaign again.
        case overtaken
    }

    /// What a candidate knows before it campaigns.
    package struct Ballot: Hashable, Sendable {
        package let term: UInt64
        package let value: [UInt8]
        package let history: TermHistory
        fileprivate let historyRevision: Int64
    }

    package let key: String
    package let historyKey: String

    package init(key: String, history: String) {
        self.key = key
        historyKey = history
    }

    /// What `ballot` is made from.
    package var reading: EtcdTransaction { EtcdTransaction(if: [], then: [.get(historyKey)]) }

    /// - Parameters:
    ///   - result: Of `reading`.
    ///   - line: What the leader tells of itself; the term is added.
    ///   - random: Chance, for the term.
    package func ballot(after result: EtcdTransactionResult, line: AttributeLine, random: UInt64) -> Ballot {
        let present = result.keyValues(at: 0)?.first
        var history = present.flatMap { TermHistory(parsing: $0.valueText) } ?? TermHistory()
        let term = history.next(above: UInt64(clamping: result.revision), random: random)
        history.append(term)
        let value = AttributeLine([("term", "\(term)")]).text + " " + line.text
        return Ballot(term: term, value: Array(value.utf8), history: history, historyRevision: present?.modRevision ?? 0)
    }

    /// Takes the leadership if nobody has it. The key goes with `lease`.
    ///
    /// Its outcome may be unknown (`EtcdError.unknownOutcome`): then send it again; `outcome` recognises the own lease.
    package func campaign(_ ballot: Ballot, lease: Int64) -> EtcdTransaction {
        let unchanged = EtcdCompare.modRevision(of: historyKey, .equal, ballot.historyRevision)
        return EtcdTransaction(
            if: [.isAbsent(key), unchanged],
            then: [
                .put(key: Array(key.utf8), value: ballot.value, lease: lease), .put(historyKey, ballot.history.text),
            ],
            else: [.get(key), .get(historyKey)])
    }

    /// What the answer to `campaign` means for the candidate with `lease`. Nil: nothing yet; ask again.
    package func outcome(of result: EtcdTransactionResult, ballot: Ballot, lease: Int64) -> Outcome? {
        if result.succeeded { return .elected(term: ballot.term, value: ballot.value, history: ballot.history) }
        guard let leader = result.keyValues(at: 0)?.first else { return .overtaken }
        guard leader.lease == lease else { return .held(leader: leader, revision: result.revision) }
        guard let term = Self.term(of: leader),
            let history = result.keyValues(at: 1)?.first.flatMap({ TermHistory(parsing: $0.valueText) })
        else { return nil }
        return .elected(term: term, value: leader.value, history: history)
    }

    private static func term(of leader: EtcdKeyValue) -> UInt64? {
        AttributeLine(parsing: leader.valueText)?["term"].flatMap { UInt64($0) }
    }

    /// `operations`, only while the leader that wrote `value` leads. With none it just proves that.
    package func guarded(by value: [UInt8], _ operations: [EtcdOperation] = [], and compare: [EtcdCompare] = []) -> EtcdTransaction {
        // The failure branch reads the leader's key: so a failed extra condition and a lost leadership can be told apart.
        EtcdTransaction(if: [.value(of: key, .equal, value)] + compare, then: operations, else: [.get(key)])
    }

    /// Whether the answer to a guarded transaction shows that the term is over. A success never does.
    package func isOver(_ value: [UInt8], after result: EtcdTransactionResult) -> Bool {
        !result.succeeded && result.keyValues(at: 0)?.first?.value != value
    }

    /// Gives the leadership up, if it is still that of the one that wrote `value`.
    package func resignation(of value: [UInt8]) -> EtcdTransaction {
        EtcdTransaction(if: [.value(of: key, .equal, value)], then: [.delete(key)])
    }
}
