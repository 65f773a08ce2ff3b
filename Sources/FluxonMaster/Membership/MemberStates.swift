import FluxonCore

/// Since when each member's state holds, as far as this master has seen in this term.
struct MemberStates: Sendable {
    private var states: [InstanceKey: (state: String, since: BootInstant)] = [:]

    init() {}

    /// - Parameter present: Every member's state now; who is not among them is forgotten.
    mutating func update(_ present: [InstanceKey: String], now: BootInstant) {
        var next: [InstanceKey: (state: String, since: BootInstant)] = [:]
        for (member, state) in present {
            if let known = states[member], known.state == state { next[member] = known } else { next[member] = (state, now) }
        }
        states = next
    }

    /// nil: the member was not seen in this state.
    func since(_ member: InstanceKey, _ state: String) -> BootInstant? {
        guard let known = states[member], known.state == state else { return nil }
        return known.since
    }
}
