package import FluxonCore

/// A master's right to act (CONSISTENCY G1): for T after *sending* the last guarded transaction that succeeded.
///
///     held(sent) ──confirmed(sent')──▶ held(max)      held ──refused──▶ over      held ──now ≥ sent + T──▶ paused ──confirmed──▶ held
///
/// The caller works first, asks `mayAct` then, and sends only after a yes.
package struct Authority: Sendable {
    package let term: UInt64
    private let timing: ProtocolTiming
    private var confirmedSending: BootInstant
    /// A guard did not hold: another master is elected, and this one never acts again.
    package private(set) var isOver = false

    /// - Parameter electionSent: When the transaction that won the election was sent.
    package init(term: UInt64, electionSent: BootInstant, timing: ProtocolTiming) {
        self.term = term
        self.timing = timing
        confirmedSending = electionSent
    }

    package func mayAct(now: BootInstant) -> Bool {
        !isOver && now < confirmedSending.advanced(by: timing.authority)
    }

    /// Whether etcd has said since `instant` that this master leads.
    package func isConfirmed(since instant: BootInstant) -> Bool { confirmedSending > instant }

    /// How long the authority has been over for want of a transaction that succeeded; nil: it is not.
    package func lapsed(now: BootInstant) -> Duration? {
        isOver || mayAct(now: now) ? nil : now.since(confirmedSending)
    }

    /// A guarded transaction that was sent at `sending` succeeded. Answers may arrive out of order.
    package mutating func confirmed(sending: BootInstant) {
        confirmedSending = max(confirmedSending, sending)
    }

    /// A guarded transaction found another leader key.
    package mutating func refused() { isOver = true }
}
