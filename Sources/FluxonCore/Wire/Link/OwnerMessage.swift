/// Owner → master, on the ordered link of one session (the table of CONSISTENCY §3).
package enum OwnerMessage: Hashable, Sendable {
    case commit(LinkCommit)
    /// The outcome of this operation was processed: C5's acknowledgement of `done`.
    case taken(operation: UInt64)
    /// Every invalidation up to this number is applied.
    case confirm(upTo: UInt64)
    case lookup(LinkLookup)
    /// This owner no longer has anything of (key, version).
    case drop(Key, Version)
    case report(ReportPage)
    /// The owners that this one cannot connect to now, all of them, ascending. Only to a master whose welcome said that it listens.
    case unreachable([OwnerID])
}

/// "Where is this key?" The answer names `lookup` again.
package struct LinkLookup: Hashable, Sendable {
    package enum Wants: Hashable, Sendable {
        /// The asker is registered as a holder in the step that reads the version (M1).
        case copy
        /// Version and size only (`exists`, `size`); registers nothing.
        case metadata
    }

    package let lookup: UInt64
    package let key: Key
    package let wants: Wants

    package init(lookup: UInt64, key: Key, wants: Wants) {
        self.lookup = lookup
        self.key = key
        self.wants = wants
    }
}

/// A part of what an owner has, after it entered a session anew (R3, R5).
package struct ReportPage: Hashable, Sendable {
    package let entries: [ReportEntry]
    /// Commits that were sent in an earlier session and whose outcome is not known, oldest first.
    package let pending: [LinkCommit]
    package let isLast: Bool

    package init(entries: [ReportEntry], pending: [LinkCommit], isLast: Bool) {
        self.entries = entries
        self.pending = pending
        self.isLast = isLast
    }
}

package struct ReportEntry: Hashable, Sendable {
    package let key: Key
    package let version: Version
    package let byteCount: UInt64
    /// nil: live. Else parked, because of this operation.
    package let parkedBy: OperationReference?

    package init(key: Key, version: Version, byteCount: UInt64, parkedBy: OperationReference?) {
        self.key = key
        self.version = version
        self.byteCount = byteCount
        self.parkedBy = parkedBy
    }
}
