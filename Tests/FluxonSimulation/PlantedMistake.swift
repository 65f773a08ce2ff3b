#if FLUXON_PLANTING
package import FluxonMaster
package import FluxonOwner
package import FluxonPool

/// A mistake that the simulator must find: in a rule of the product, or in what the simulator does in the place of an actor.
package enum PlantedMistake: Hashable, Sendable {
    case replica(PlantedReplicaMistake)
    case routing(PlantedRoutingMistake)
    case pool(PlantedPoolMistake)
    case reader(PlantedReaderMistake)
    case process(PlantedProcessMistake)
    /// What a key's removal and an owner's return were before decisions 0030 and 0031: all of those mistakes at once.
    case before0030

    package static let everything: [PlantedMistake] =
        PlantedReplicaMistake.allCases.map(Self.replica) + PlantedRoutingMistake.allCases.map(Self.routing)
        + PlantedPoolMistake.allCases.map(Self.pool) + PlantedReaderMistake.allCases.map(Self.reader)
        + PlantedProcessMistake.allCases.map(Self.process) + [.before0030]

    /// Those that need several terms: 2 000 seeds of the shape `terms` must find each (decision 0031).
    package static let acrossTerms: [PlantedMistake] = [
        .routing(.lastDropKeepsClaims), .routing(.prepareForOut), .replica(.invalidateNewer), .replica(.lookUpBehindCommit), .before0030,
    ]

    /// Those that only the table tests of their rules find.
    package static let rare: [PlantedMistake] = [.routing(.claimUnderPrepared)]

    /// Those that 200 seeds must find.
    package static let all = everything.filter { !rare.contains($0) && !acrossTerms.contains($0) }

    package var name: String {
        switch self {
        case .replica(let mistake): mistake.rawValue
        case .routing(let mistake): mistake.rawValue
        case .pool(let mistake): mistake.rawValue
        case .reader(let mistake): mistake.rawValue
        case .process(let mistake): mistake.rawValue
        case .before0030: "before0030"
        }
    }

    /// Whether a violation is of an invariant that stands for the rule which this mistake breaks.
    package func isFound(by violation: String) -> Bool {
        guard self != .before0030 else { return true }
        return Self.finders[name, default: []].contains { violation.hasPrefix($0 + ":") }
    }

    private static let finders: [String: [String]] = [
        "skipInvalidation": ["I5", "I2", "I6"], "completeBeforeConfirm": ["I5", "I2", "I6"], "exposeEarly": ["I8"],
        "deadlineFromArrival": ["I2", "I5", "I11"], "joinDetachedFetch": ["I11"], "takeWithoutValidity": ["I8"],
        "returnEarly": ["I8", "I9", "I2", "anomaly"], "replayUnexposed": ["I8"], "dropReplaced": ["I9"],
        "bypassWithoutRoster": ["I7", "I9", "I11", "I2", "anomaly"], "trustBypassed": ["I9", "I11", "I2", "I8", "anomaly"],
        "actWithoutAuthority": ["I7", "I9", "I5", "I2", "I1", "I11"], "openAtOnce": ["I7"],
        "reusePinned": ["I4"], "reuseBeforeUnmap": ["I10", "I4"], "closeIsDeath": ["I10", "I4"],
        "deadlineLast": ["I11"], "lookBeforePin": ["I11", "I4", "I1"], "noLastLook": ["I11", "I4", "I1"],
        "lastDropKeepsClaims": ["I9", "I2", "I11"], "prepareForOut": ["I9", "I2", "I11"], "claimUnderPrepared": ["I2", "I9", "I11"],
        "invalidateNewer": ["I9", "I2", "I11"], "lookUpBehindCommit": ["I5", "I2", "I11"],
    ]

    /// What is planted in the master's table.
    var routing: Set<PlantedRoutingMistake> {
        switch self {
        case .routing(let mistake): [mistake]
        case .before0030: [.lastDropKeepsClaims, .prepareForOut, .claimUnderPrepared]
        default: []
        }
    }

    /// What is planted in the owners' tables.
    var replica: Set<PlantedReplicaMistake> {
        switch self {
        case .replica(let mistake): [mistake]
        case .before0030: [.invalidateNewer, .lookUpBehindCommit]
        default: []
        }
    }

    var readerMistake: PlantedReaderMistake? {
        if case .reader(let mistake) = self { mistake } else { nil }
    }
}

/// Mistakes of the owner's side of a process, which the simulator has in the place of `ProcessSession`.
package enum PlantedProcessMistake: String, CaseIterable, Sendable {
    /// A closed connection is taken for the process's death: its arena passes on while it writes (P8, F1).
    case closeIsDeath
}
#endif
