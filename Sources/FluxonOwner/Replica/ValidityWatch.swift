package import FluxonCore

/// When an owner's validity ends and returns, for its log. Rules only.
///
///     never valid ──grant──▶ valid ──D passes──▶ lost ──grant──▶ valid
package struct ValidityWatch: Sendable {
    package enum Event: Hashable, Sendable {
        case lost
        case regained(after: Duration)
    }

    private var end: BootInstant?
    private var isLost = false

    package init() {}

    /// When to look again at the latest; nil: a grant comes first.
    package var due: BootInstant? { isLost ? nil : end }

    /// Whether a grant has come since the last look.
    package func isNews(_ deadline: BootInstant) -> Bool { deadline != end ?? .zero }

    /// - Parameter deadline: D (CONSISTENCY L2); zero before the first grant.
    package mutating func look(deadline: BootInstant, now: BootInstant) -> Event? {
        guard deadline > .zero else { return nil }
        defer { end = deadline }
        if now < deadline {
            guard isLost, let end else { return nil }
            isLost = false
            return .regained(after: now.since(end))
        }
        guard !isLost else { return nil }
        isLost = true
        return .lost
    }
}
