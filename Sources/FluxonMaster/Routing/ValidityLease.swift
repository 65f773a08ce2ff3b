package import FluxonCore

/// What a master knows of one owner's validity lease (CONSISTENCY L2, L3), on its own clock.
///
/// Every copy of an owner is dead at `deadBy(barrier)` at the latest, where `barrier` is `lastGrant` at the moment when the copy's
/// invalidation was sent: later grants imply the invalidation.
package struct ValidityLease: Hashable, Sendable {
    /// m_r of the last grant that was sent, or of the report that began the session (R5). Nil: this master gave none and heard
    /// of none.
    package private(set) var lastGrant: BootInstant?

    package init() {}

    /// A heartbeat came at `receipt` and is granted, or a report came.
    package mutating func granted(receipt: BootInstant) {
        lastGrant = max(lastGrant ?? receipt, receipt)
    }

    /// When copies that were valid under `barrier` are surely dead. `electedAt` counts for an owner that this master never heard of.
    package static func deadBy(_ barrier: BootInstant?, electedAt: BootInstant, timing: ProtocolTiming) -> BootInstant {
        guard let barrier else { return electedAt.advanced(by: timing.newMasterWait) }
        return barrier.advanced(by: timing.confirmationWait)
    }
}
