/// The unique name of a process in its cluster, `instance_key` in configurations.
package struct InstanceKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let name: String

    package init(_ name: String) { self.name = name }
    package var description: String { name }
    package static func < (left: InstanceKey, right: InstanceKey) -> Bool { left.name < right.name }
}

/// One life of an instance, counted in the roster (CONSISTENCY G3): an instance that restarts is a new generation.
package struct Generation: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let number: UInt64

    package init(_ number: UInt64) { self.number = number }
    package var description: String { "\(number)" }
    package static func < (left: Generation, right: Generation) -> Bool { left.number < right.number }
}

/// A master's right to one owner's messages (CONSISTENCY §1): made by the master, ended by either side, never reused in a term.
package struct Session: Hashable, Sendable, CustomStringConvertible {
    package let owner: InstanceKey
    package let generation: Generation
    package let number: UInt64

    package init(owner: InstanceKey, generation: Generation, number: UInt64) {
        self.owner = owner
        self.generation = generation
        self.number = number
    }

    package var description: String { "\(owner)/\(generation)/\(number)" }
}

/// The name of one commit (CONSISTENCY T1): the process's session at its owner, and that process's counter. Unique within the
/// owner's generation; a retry carries the same token and gets the same answer.
package struct OperationToken: Hashable, Sendable, CustomStringConvertible {
    package let process: UInt64
    package let counter: UInt64

    package init(process: UInt64, counter: UInt64) {
        self.process = process
        self.counter = counter
    }

    package var description: String { "\(process)#\(counter)" }
}
