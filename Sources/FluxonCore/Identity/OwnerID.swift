/// An owner's number in the roster: the same for every generation and every master, and another owner's once this one was lost, so that
/// holder sets and messages carry a few bytes instead of a name. 0 stands for "none yet" in messages only.
package struct OwnerID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let number: UInt32

    package init(_ number: UInt32) { self.number = number }
    package var description: String { "owner#\(number)" }
    package static func < (left: OwnerID, right: OwnerID) -> Bool { left.number < right.number }
}

/// One commit of one owner, as the master and the other owners name it: the cause of an invalidation. Operation numbers count up
/// within a generation.
package struct OperationReference: Hashable, Sendable, CustomStringConvertible {
    package let owner: OwnerID
    package let generation: Generation
    package let number: UInt64

    package init(owner: OwnerID, generation: Generation, number: UInt64) {
        self.owner = owner
        self.generation = generation
        self.number = number
    }

    package var description: String { "\(owner)/\(generation):\(number)" }
}
