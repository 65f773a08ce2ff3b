package import FluxonCore

/// What etcd remembers of an owner (CONSISTENCY §1, G3). It has no lease: it must outlive any pause of owner and master.
package struct RosterEntry: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// Trusted: its reports are believed.
        case `in`
        /// A master of this term went on without its confirmation; only a resync in the same term brings it back (R3, R6).
        case bypassed(term: UInt64)
        /// Declared lost; final for this generation (R4).
        case lost
    }

    /// From 1 upward without gaps; given anew when its owner was lost (decision 0043).
    package var owner: OwnerID
    package var generation: Generation
    package var state: State
    /// Random number of the owner's process, so that a registration repeated by the same process keeps its generation.
    package var life: UInt64

    package init(owner: OwnerID, generation: Generation, state: State, life: UInt64) {
        self.owner = owner
        self.generation = generation
        self.state = state
        self.life = life
    }

    /// Nil when the text is not a roster entry.
    package init?(parsing text: String) {
        guard let line = AttributeLine(parsing: text), let number = line["generation"].flatMap(UInt64.init),
            let owner = line["owner"].flatMap(UInt32.init), let life = line["life"].flatMap(UInt64.init), let state = Self.state(of: line)
        else { return nil }
        self.init(owner: OwnerID(owner), generation: Generation(number), state: state, life: life)
    }

    package var text: String {
        let fields: [(name: String, value: String)] = [
            ("owner", "\(owner.number)"), ("generation", "\(generation)"), ("life", "\(life)"),
        ]
        return switch state {
        case .in: AttributeLine(fields + [("state", "in")]).text
        case .bypassed(let term): AttributeLine(fields + [("state", "bypassed"), ("term", "\(term)")]).text
        case .lost: AttributeLine(fields + [("state", "lost")]).text
        }
    }

    private static func state(of line: AttributeLine) -> State? {
        switch line["state"] {
        case "in": .in
        case "bypassed": line["term"].flatMap(UInt64.init).map { .bypassed(term: $0) }
        case "lost": .lost
        default: nil
        }
    }
}

/// One write to the roster, in one guarded transaction.
package struct RosterChange: Hashable, Sendable {
    package let owner: InstanceKey
    package let entry: RosterEntry
    /// Whose entry is deleted with it: the lost owner that had this number before.
    package let replaces: InstanceKey?

    package init(owner: InstanceKey, entry: RosterEntry, replaces: InstanceKey? = nil) {
        self.owner = owner
        self.entry = entry
        self.replaces = replaces
    }
}
