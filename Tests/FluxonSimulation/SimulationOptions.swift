import FluxonCore

/// How large a simulated cluster is and how rough its life.
package struct SimulationOptions: Sendable {
    package var shape = SimulationShape.mixed
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
    /// What a master works off in one turn; nil: as usual, which is all that so few keys make.
    var stepsPerTurn: Int?
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
}
