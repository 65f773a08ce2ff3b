/// The place of a committed value in the order of its key (CONSISTENCY C5): the master's term, then the sequence number that
/// this master gave at completion. Version order is completion order; no clock takes part.
package struct Version: Hashable, Sendable, Comparable {
    package let term: UInt64
    package let sequence: UInt64

    package init(term: UInt64, sequence: UInt64) {
        self.term = term
        self.sequence = sequence
    }

    package static func < (left: Version, right: Version) -> Bool {
        (left.term, left.sequence) < (right.term, right.sequence)
    }
}

extension Version: CustomStringConvertible {
    package var description: String { "\(term).\(sequence)" }
}
