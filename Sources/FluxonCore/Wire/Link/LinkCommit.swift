/// What must hold at the moment a commit is prepared (CONSISTENCY C3), else it fails and changes nothing.
package enum CommitCondition: Hashable, Sendable {
    case none
    case absent
    case present
    case version(Version)
}

package enum CommitKind: Hashable, Sendable { case put, remove }

/// One commit on its way from the owner that has the bytes to the master.
package struct LinkCommit: Hashable, Sendable {
    /// Counts up within the owner's generation.
    package let operation: UInt64
    package let key: Key
    package let kind: CommitKind
    /// Size of the value; 0 for a remove.
    package let byteCount: UInt64
    package let condition: CommitCondition

    package init(operation: UInt64, key: Key, kind: CommitKind, byteCount: UInt64, condition: CommitCondition) {
        self.operation = operation
        self.key = key
        self.kind = kind
        self.byteCount = byteCount
        self.condition = condition
    }
}

/// How a commit ended, as told by a master.
package enum CommitOutcome: Hashable, Sendable {
    case committed(Version)
    /// The condition did not hold; the version that it met, or nil for an absent key.
    case conditionFailed(Version?)
    /// Nobody can say any more (CONSISTENCY R6, T2).
    case unknown
}
