internal import FluxonCore
internal import FluxonSystem
internal import Logging

/// What a server says about peers that ask for too much: the first of a kind at once, then how many there were, at growing intervals.
/// A peer that can cause a line can cause a million.
struct IncidentLog {
    private enum Kind: Hashable { case cutOff, noDescriptor, noRoom }

    private let logger: Logger?
    private var states: [Kind: StateLog<Kind>] = [:]

    init(logger: Logger?) { self.logger = logger }

    mutating func cutOff(_ peer: String, _ excess: ConnectionBudget.Excess, now: BootInstant) {
        guard let count = times(.cutOff, now: now) else { return }
        logger?.warning(
            "a peer was cut off, since it asks for too much",
            metadata: ["fluxon.peer": "\(peer)", "fluxon.reason": "\(excess)", "fluxon.times": "\(count)"])
    }

    mutating func noDescriptor(_ error: SystemError, connections: Int, closesSilent: Bool, now: BootInstant) {
        guard let count = times(.noDescriptor, now: now) else { return }
        logger?.error(
            "no descriptor is left for a new connection",
            metadata: [
                "fluxon.error": "\(error)", "fluxon.connections": "\(connections)", "fluxon.times": "\(count)",
                "fluxon.done": closesSilent ? "the longest silent connection is closed for it" : "it is turned away: all others have calls",
                "fluxon.fix": "raise the limit on open files (LimitNOFILE= of the unit, ulimit -n), or find who opens so many connections",
            ])
    }

    mutating func noRoom(limit: Int, closesSilent: Bool, now: BootInstant) {
        guard let count = times(.noRoom, now: now) else { return }
        logger?.warning(
            "too many connections",
            metadata: [
                "fluxon.limit": "\(limit)", "fluxon.times": "\(count)",
                "fluxon.done": closesSilent ? "the longest silent connection is closed for a new one" : "new ones are turned away",
                "fluxon.fix": "find who opens so many connections",
            ])
    }

    /// How many there were since the last line, nil while none is due.
    private mutating func times(_ kind: Kind, now: BootInstant) -> Int? { states[kind, default: StateLog()].note(kind, now: now) }
}
