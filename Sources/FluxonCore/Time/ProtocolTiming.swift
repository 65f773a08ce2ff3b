/// The times on which safety rests (CONSISTENCY §1), and no others. All owners and masters of a cluster use the same values.
package struct ProtocolTiming: Hashable, Sendable {
    /// L: how long a grant lets an owner serve by itself.
    package var validityLease: Duration = .seconds(3)
    /// T: how long a master may act after sending the last guarded transaction that succeeded.
    package var authority: Duration = .seconds(3)
    /// How often the validity lease and the authority are renewed.
    package var renewalInterval: Duration = .seconds(1)
    /// ρ: rate error of a clock against real time, in hundredths.
    package var clockRateErrorPercent: Int = 11
    /// q: granularity of a clock and reordering of instructions.
    package var clockGranularity: Duration = .milliseconds(10)
    /// p: the longest stop of a guest clock that a hypervisor may cause.
    package var guestClockStop: Duration = .zero
    /// After this a silent owner is declared lost. Always more than `newMasterWait`.
    package var lostAfter: Duration = .seconds(30)

    package init() {}

    /// W: what a master waits before it goes on without an owner's confirmation: κ(L + q + p).
    package var confirmationWait: Duration { scaled(validityLease + clockGranularity + guestClockStop) }

    /// W₀: the same at a new master, counted from the confirmation of its election: κ(T + q + p) + W.
    package var newMasterWait: Duration { scaled(authority + clockGranularity + guestClockStop) + confirmationWait }

    /// κ = (1 + ρ) / (1 − ρ), rounded up.
    private func scaled(_ duration: Duration) -> Duration {
        duration * (100 + clockRateErrorPercent) / (100 - clockRateErrorPercent) + .nanoseconds(1)
    }
}
