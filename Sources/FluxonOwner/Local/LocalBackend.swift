package import FluxonCore
package import FluxonPool

/// How an operation of a process ended; the same on the wire.
package typealias LocalResult = LocalAnswer.Outcome.Result

/// A put or remove of a process, checked: from here on the extent is the owner's, and the process's death changes nothing (CONSISTENCY C1).
package struct LocalCommit: Hashable, Sendable {
    package enum Operation: Hashable, Sendable {
        /// `extent` carries one reference, which passes to the backend whatever the outcome.
        case put(extent: Extent, length: UInt64)
        case remove
    }

    package let token: OperationToken
    package let key: Key
    package let operation: Operation
    package let condition: CommitCondition
    /// When the caller stops waiting. The operation itself goes on (CONSISTENCY T2).
    package let deadline: BootInstant

    package init(token: OperationToken, key: Key, operation: Operation, condition: CommitCondition, deadline: BootInstant) {
        self.token = token
        self.key = key
        self.operation = operation
        self.condition = condition
        self.deadline = deadline
    }
}

/// A get that missed in the process, or that the process cannot do itself.
package struct LocalLookup: Hashable, Sendable {
    package enum Wish: Hashable, Sendable {
        case bytes
        /// Version and length (`exists`, `size`).
        case description
    }

    /// Names the lookup for `cancelLookup`; unique within the owner.
    package let number: UInt64
    package let key: Key
    package let wish: Wish
    /// The owner's copy will do, current or not; absent when it has none.
    package let isLocal: Bool
    /// The backend answers by then, if only with an error.
    package let deadline: BootInstant

    package init(number: UInt64, key: Key, wish: Wish, isLocal: Bool, deadline: BootInstant) {
        self.number = number
        self.key = key
        self.wish = wish
        self.isLocal = isLocal
        self.deadline = deadline
    }
}

package enum LocalFinding: Sendable {
    /// A copy that is published while the answer is given. The service holds it at once.
    case found(Copy)
    /// A value that only those who waited for it may see (CONSISTENCY M2): made by `Pool.makeUnlisted`, whose hold passes to the service.
    case unlisted(Copy)
    case described(length: UInt64, version: Version)
    case absent
    case failed(FluxonError)
}

/// What a process's requests need of the owner. Everything is on the owner's loop; answers may come from within the call, each exactly once.
package protocol LocalBackend: AnyObject {
    func commit(_ commit: LocalCommit, answer: @escaping (LocalResult) -> Void)
    func look(_ lookup: LocalLookup, answer: @escaping (LocalFinding) -> Void)
    /// Nobody waits for this lookup any more; answering it is harmless.
    func cancelLookup(_ number: UInt64)
    /// Takes a published copy out of service, so that its bytes can be others' (CONSISTENCY M4). False when it stays.
    func evict(_ copy: Copy) -> Bool
}
