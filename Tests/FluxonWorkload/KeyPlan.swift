package import FluxonCore
package import FluxonSeededRandom

/// Which keys are used when.
package struct KeyPlan: Sendable {
    /// Few keys that get most of the calls.
    package let hot: Int
    package let cold: Int
    /// After this time a new set of keys takes over: no key's history grows beyond what a checker can search. nil: one set.
    package let period: Duration?

    package init(hot: Int, cold: Int = 0, period: Duration? = nil) {
        self.hot = hot
        self.cold = cold
        self.period = period
    }

    /// The number of the set at work; the same in all processes of a machine.
    package func epoch(at instant: BootInstant) -> UInt64 {
        guard let period else { return 0 }
        return instant.nanoseconds / UInt64(period / .nanoseconds(1))
    }

    package func keys(of epoch: UInt64) -> [String] {
        let prefix = period == nil ? "" : "\(epoch)-"
        return (0..<hot).map { "\(prefix)hot-\($0)" } + (0..<cold).map { "\(prefix)cold-\($0)" }
    }

    package func key(_ random: inout SeededRandom, at instant: BootInstant) -> String {
        let isHot = cold == 0 || Int.random(in: 0..<10, using: &random) < 6
        let prefix = period == nil ? "" : "\(epoch(at: instant))-"
        return isHot
            ? "\(prefix)hot-\(Int.random(in: 0..<hot, using: &random))" : "\(prefix)cold-\(Int.random(in: 0..<cold, using: &random))"
    }
}
