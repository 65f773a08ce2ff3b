import FluxonCore

/// How large a simulated cluster is and how rough its life.
package struct SimulationOptions: Sendable {
    package var seconds = 60
    var timing = {
        var timing = ProtocolTiming()
        timing.lostAfter = .seconds(12)
        return timing
    }()
    var owners = 3
    var masters = 2
    var keys = 3
    var clientsPerHost = 2
    /// Most extents that a process reserves at a time.
    var hoard: UInt64 = 3
    /// Few chunks, so that arenas, parked copies and fetched ones fight for them.
    var poolBytes = 1 << 20
    /// Mean pause of a client between operations, in milliseconds.
    var thinkMilliseconds: UInt64 = 250
    package var hasFaults = true
    /// A reader stops at two of so many steps.
    var readerStops: UInt64 = 100
    /// More in one virtual second is a timer that fires for nothing, again and again.
    var eventsPerSecond = 40_000
    /// Mean time between faults, in milliseconds.
    var faultMilliseconds: UInt64 = 3_000
    package var keepsTrace = false
    #if FLUXON_PLANTING
    package var planted: PlantedMistake?
    #endif

    package init() {}

    /// What a seed stands for: how many owners, how often something goes wrong, how busy the clients are, how large the pools.
    package static func seeded(_ seed: UInt64) -> SimulationOptions {
        var options = SimulationOptions()
        options.owners = 2 + Int(seed % 3)
        options.faultMilliseconds = [1_000, 2_500, 5_000, 9_000][Int(seed % 4)]
        options.thinkMilliseconds = [20, 60, 200][Int(seed / 4 % 3)]
        options.readerStops = seed % 5 == 0 ? 12 : 100
        options.keys = 2 + Int(seed / 2 % 3)
        options.poolBytes = [384, 1_024, 512, 1_024, 768][Int(seed % 5)] << 10
        options.hoard = seed % 3 == 0 ? 24 : 3
        return options
    }
}
