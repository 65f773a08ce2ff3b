package import FluxonCore

/// One connection of an owner, named by the caller. Never reused.
package struct ConnectionID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let number: UInt64
    package init(_ number: UInt64) { self.number = number }
    package var description: String { "connection#\(number)" }
    package static func < (left: ConnectionID, right: ConnectionID) -> Bool { left.number < right.number }
}

/// What the caller of `RoutingTable` performs, in this order. `flush` has checked the authority (G1) for what is sent.
package enum RoutingEffect: Hashable, Sendable {
    case send(ConnectionID, MasterFrame)
    /// Close it after what was sent before.
    case close(ConnectionID)
    /// A guarded transaction (G3): write this entry if the leader key is still ours. Answered by `rosterWritten`; when the guard fails
    /// the master is deposed. One at a time per owner.
    case writeRoster(InstanceKey, RosterEntry)
    /// The same; in the same transaction the entry of the owner that had this number before is deleted (decision 0043).
    case replaceRoster(former: InstanceKey, InstanceKey, RosterEntry)
    case note(RoutingNote)
}

/// What happened, for logs, `explain` and checkers.
package enum RoutingNote: Hashable, Sendable {
    case sessionBegan(Session)
    case sessionEnded(Session)
    case bypassed(InstanceKey)
    case lost(InstanceKey)
    /// R8 holds: commits are completed from here on.
    case opened
    /// R7: every owner has reported or is lost; what nobody reported is absent. With `observesOperations`, the keys
    /// that exist or have an operation under way.
    case completed(existing: [Key])
    /// An ordered removal of what is this version is prepared: it is never taken back (K3). Only with `observesOperations`.
    case removing(Key, Version)
    /// An ordered removal that nobody asked for.
    case removed(Key, Version, RemovalCause)
    /// Only with `observesOperations`.
    case operationCompleted(OperationReference, LinkCommit, Version)
    case exposed(OperationReference, Key, Version)
    /// The owner has seen what this master's etcd does not know; with what is to be done about it.
    case historyUnknown(InstanceKey, remedy: String)
    /// The table met what the protocol excludes; it went the safe way.
    case anomaly(String)
}

package enum RemovalCause: Hashable, Sendable { case evicted, lost }
