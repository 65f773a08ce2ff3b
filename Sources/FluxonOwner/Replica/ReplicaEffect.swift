package import FluxonCore

/// A get that waits, named by the caller. Never reused.
package struct WaiterID: Hashable, Sendable, Comparable {
    package let number: UInt64
    package init(_ number: UInt64) { self.number = number }
    package static func < (left: WaiterID, right: WaiterID) -> Bool { left.number < right.number }
}

/// One transfer from another owner. Never reused in the life of a process.
package struct FetchID: Hashable, Sendable, Comparable {
    package let number: UInt64
    package init(_ number: UInt64) { self.number = number }
    package static func < (left: FetchID, right: FetchID) -> Bool { left.number < right.number }
}

/// What the caller of `ReplicaTable` performs, in this order, before it lets other events in.
package enum ReplicaEffect<Extent: Hashable & Sendable>: Hashable, Sendable {
    case send(OwnerFrame)
    /// Bring (key, version) from one of the holders into memory outside all arenas (F3), then call `fetched`.
    case startFetch(FetchRequest)
    case answerGet(WaiterID, GetAnswer<Extent>)
    /// Once per call of `commit`.
    case answerCommit(OperationToken, CommitAnswer)
    /// The master does not take this owner. `.superseded` is final: another process has the `instance_key`.
    case refused(LinkRefusal)
    /// The connection makes no sense any more, or its session ended: close it and connect again.
    case reconnect
}

package struct FetchRequest: Hashable, Sendable {
    package let fetch: FetchID
    package let key: Key
    package let version: Version
    package let byteCount: UInt64
    /// Candidates, best first; never empty.
    package let holders: [OwnerID]
    /// By holder: the owner through which to read from it.
    package let relays: [OwnerID: OwnerID]

    package init(
        fetch: FetchID, key: Key, version: Version, byteCount: UInt64, holders: [OwnerID], relays: [OwnerID: OwnerID] = [:]
    ) {
        self.fetch = fetch
        self.key = key
        self.version = version
        self.byteCount = byteCount
        self.holders = holders
        self.relays = relays
    }
}

package enum GetAnswer<Extent: Hashable & Sendable>: Hashable, Sendable {
    /// One reference on the extent passes to the receiver, who releases it after the handover (P7). `isPublished` is false for
    /// bytes of a detached fetch: nobody else may see them.
    case value(StoredCopy<Extent>, isPublished: Bool)
    case metadata(Version, byteCount: UInt64)
    case absent
    /// `.notCurrent`, `.unavailable` or `.deadlineExceeded`.
    case failed(FluxonError.Code)
}

package enum CommitAnswer: Hashable, Sendable {
    case committed(Version)
    /// The version that the condition met; nil: the key was absent.
    case conditionFailed(Version?)
    /// `.unknownOutcome` (T2), or `.deadlineExceeded` when nothing was sent.
    case failed(FluxonError.Code)
}

package struct GetRequest: Sendable {
    package enum Wants: Hashable, Sendable { case value, metadata }
    package enum Consistency: Hashable, Sendable {
        case current
        /// Whatever copy is here, validity or not.
        case local
    }

    package let waiter: WaiterID
    package let key: Key
    package let wants: Wants
    package let consistency: Consistency
    package let deadline: BootInstant

    package init(waiter: WaiterID, key: Key, wants: Wants = .value, consistency: Consistency = .current, deadline: BootInstant) {
        self.waiter = waiter
        self.key = key
        self.wants = wants
        self.consistency = consistency
        self.deadline = deadline
    }
}

package struct CommitRequest<Extent: Hashable & Sendable>: Sendable {
    /// The bytes of a put: written, fenced (P6), owned by the owner from here on.
    package struct Value: Hashable, Sendable {
        package let extent: Extent
        package let byteCount: UInt64
        package let flags: UInt32

        package init(extent: Extent, byteCount: UInt64, flags: UInt32) {
            self.extent = extent
            self.byteCount = byteCount
            self.flags = flags
        }
    }

    package let token: OperationToken
    package let key: Key
    /// nil: a remove.
    package let value: Value?
    package let condition: CommitCondition
    package let deadline: BootInstant

    package init(token: OperationToken, key: Key, value: Value?, condition: CommitCondition = .none, deadline: BootInstant) {
        self.token = token
        self.key = key
        self.value = value
        self.condition = condition
        self.deadline = deadline
    }
}

/// What became of a transfer.
package enum FetchResult<Extent: Hashable & Sendable>: Sendable {
    /// Length, key, version and checksum agreed; one reference on the extent passes to the table.
    case arrived(extent: Extent, flags: UInt32)
    /// No holder had it, or none could be reached.
    case failed
    /// There is no room for it in this pool.
    case noRoom
}

/// Answer to another owner that asks for the bytes.
package enum SourceAnswer<Extent: Hashable & Sendable>: Hashable, Sendable {
    /// One reference on the extent passes to the caller (the ticket's).
    case copy(StoredCopy<Extent>)
    /// This owner is fetching or committing the key itself.
    case notYet
    case gone
}
