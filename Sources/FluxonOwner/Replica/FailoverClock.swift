package import FluxonCore

/// How long this owner was without a master around the last change of term: from the moment at which it lost the old one to the first
/// grant that holds of the new one.
///
///     following(term) ──disconnected──▶ lost since then ──grant of that term──▶ following
///           │                                 └──grant of another term──▶ following, and the time between is the last failover
///           └──grant of another term: a master that was stopped leaves its connection up; lost since its last grant
package struct FailoverClock: Sendable {
    private var followed: (term: UInt64, granted: BootInstant)?
    private var lostSince: BootInstant?
    /// nil: this owner has followed one master only.
    package private(set) var last: Duration?

    package init() {}

    package mutating func disconnected(now: BootInstant) {
        if followed != nil, lostSince == nil { lostSince = now }
    }

    package mutating func granted(term: UInt64, now: BootInstant) {
        if let followed, followed.term != term { last = now.since(lostSince ?? followed.granted) }
        followed = (term, now)
        lostSince = nil
    }
}
