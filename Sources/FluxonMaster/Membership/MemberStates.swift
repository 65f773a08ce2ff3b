import FluxonCore

/// Since when each member's state holds, as far as this master has seen in this term.
struct MemberStates: Sendable {
    private var states: [InstanceKey: (state: String, since: BootInstant)] = [:]

    init() {}

    mutating func update(_ member: InstanceKey, _ state: String, now: BootInstant) {
        if states[member]?.state != state { states[member] = (state, now) }
    }

    mutating func forget(_ member: InstanceKey) { states[member] = nil }

    /// nil: the member was not seen in this state.
    func since(_ member: InstanceKey, _ state: String) -> BootInstant? {
        guard let known = states[member], known.state == state else { return nil }
        return known.since
    }
}
