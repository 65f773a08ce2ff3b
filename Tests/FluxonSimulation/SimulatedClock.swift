import FluxonCore

/// The boot clock of one machine: runs at its own rate within 1 ± ρ, which changes now and then.
struct SimulatedClock {
    private var realBase: UInt64 = 0
    private var localBase: UInt64
    /// Local nanoseconds per million real ones.
    private var rate: UInt64

    init(offset: UInt64, rate: UInt64) {
        localBase = offset
        self.rate = rate
    }

    func read(at real: UInt64) -> BootInstant {
        BootInstant(nanoseconds: localBase + elapsed(real - realBase))
    }

    private func elapsed(_ real: UInt64) -> UInt64 { real / 1_000_000 * rate + real % 1_000_000 * rate / 1_000_000 }

    mutating func setRate(_ rate: UInt64, at real: UInt64) {
        localBase = read(at: real).nanoseconds
        realBase = real
        self.rate = rate
    }

    /// Real nanoseconds until the clock shows `local`, rounded up.
    func wait(until local: BootInstant, from real: UInt64) -> UInt64 {
        let now = read(at: real).nanoseconds
        guard local.nanoseconds > now else { return 0 }
        let missing = min(local.nanoseconds - now, 1 << 50)
        return missing / rate * 1_000_000 + (missing % rate) * 1_000_000 / rate + 2
    }
}
