/// What kind of life a seed stands for. A seed means the same run only together with its shape.
package enum SimulationShape: String, CaseIterable, Sendable {
    /// Two to four owners, small pools, every fault at any time.
    case mixed
    /// Four owners and few keys; what one term leaves half done is taken up by the next and ends in a third (`SimulatedFaults+Terms`).
    case terms

    /// The shape of a seed that is given without one: two of three are mixed.
    package init(of seed: UInt64) { self = seed % 3 == 0 ? .terms : .mixed }
}

extension SimulationOptions {
    /// What a seed stands for: how many owners, how often something goes wrong, how busy the clients are, how large the pools.
    package static func seeded(_ seed: UInt64, _ shape: SimulationShape? = nil) -> SimulationOptions {
        let shape = shape ?? SimulationShape(of: seed)
        var options = SimulationOptions()
        options.shape = shape
        switch shape {
        case .mixed:
            options.owners = 2 + Int(seed % 3)
            options.faultMilliseconds = [1_000, 2_500, 5_000, 9_000][Int(seed % 4)]
            options.thinkMilliseconds = [20, 60, 200][Int(seed / 4 % 3)]
            options.readerStops = seed % 5 == 0 ? 12 : 100
            options.keys = 2 + Int(seed / 2 % 3)
            options.poolBytes = [384, 1_024, 512, 1_024, 768][Int(seed % 5)] << 10
            options.stepsPerTurn = seed % 7 == 0 ? 1 : nil
            options.hoard = seed % 3 == 0 ? 24 : 3
        case .terms:
            options.owners = 4
            options.masters = 3
            options.faultMilliseconds = [3_000, 6_000, 12_000][Int(seed % 3)]
            options.thinkMilliseconds = [60, 150, 400][Int(seed / 3 % 3)]
            options.keys = 1 + Int(seed / 2 % 3)
            options.poolBytes = 1_024 << 10
            options.stepsPerTurn = seed % 7 == 0 ? 1 : nil
        }
        return options
    }
}
