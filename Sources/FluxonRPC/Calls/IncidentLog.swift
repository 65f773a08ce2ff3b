internal import FluxonCore
internal import FluxonSystem
internal import Logging

/// What a server says about peers that ask for too much: the first of a kind at once, then how many there were, at growing intervals.
/// A peer that can cause a line can cause a million.
struct IncidentLog {
    private enum Kind: Hashable { case cutOff, noDescriptor, noRoom }

    private struct State {
        var count = 0
        var pause = IncidentLog.firstPause
        var next: BootInstant
    }

    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(600)

    private let logger: Logger?
    private var states: [Kind: State] = [:]

    init(logger: Logger?) { self.logger = logger }

    mutating func cutOff(_ peer: String, _ excess: ConnectionBudget.Excess, now: BootInstant) {
        guard let repeated = repetitions(of: .cutOff, now: now) else { return }
        logger?.warning(
            "a peer was cut off, since it asks for too much",
            metadata: ["fluxon.peer": "\(peer)", "fluxon.reason": "\(excess)", "fluxon.repeated": "\(repeated)"])
    }

    mutating func noDescriptor(_ error: SystemError, connections: Int, closesSilent: Bool, now: BootInstant) {
        guard let repeated = repetitions(of: .noDescriptor, now: now) else { return }
        logger?.error(
            "no descriptor is left for a new connection",
            metadata: [
                "fluxon.error": "\(error)", "fluxon.connections": "\(connections)", "fluxon.repeated": "\(repeated)",
                "fluxon.done": closesSilent ? "the longest silent connection is closed for it" : "it is turned away: all others have calls",
                "fluxon.fix": "raise the limit on open files (LimitNOFILE= of the unit, ulimit -n), or find who opens so many connections",
            ])
    }

    mutating func noRoom(limit: Int, closesSilent: Bool, now: BootInstant) {
        guard let repeated = repetitions(of: .noRoom, now: now) else { return }
        logger?.warning(
            "too many connections",
            metadata: [
                "fluxon.limit": "\(limit)", "fluxon.repeated": "\(repeated)",
                "fluxon.done": closesSilent ? "the longest silent connection is closed for a new one" : "new ones are turned away",
                "fluxon.fix": "find who opens so many connections",
            ])
    }

    /// How many there were since the last line, nil while none is due.
    private mutating func repetitions(of kind: Kind, now: BootInstant) -> Int? {
        guard var state = states[kind] else {
            states[kind] = State(next: now.advanced(by: Self.firstPause))
            return 0
        }
        state.count += 1
        defer { states[kind] = state }
        guard now >= state.next else { return nil }
        defer {
            state.count = 0
            // A quiet time makes the next one news again.
            let isNews = now >= state.next.advanced(by: Self.longestPause)
            state.pause = isNews ? Self.firstPause : min(state.pause * 4, Self.longestPause)
            state.next = now.advanced(by: state.pause)
        }
        return state.count
    }
}
