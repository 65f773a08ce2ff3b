package import FluxonCore
package import FluxonPool

/// The books of one process at its owner: what it holds, what it asked, what it may still be told. Rules only.
///
///     granted extent ──commit──▶ operation in flight ──settle──▶ outcome kept ──received──▶ forgotten (CONSISTENCY T1)
///         └───────────giveBack / death──▶ free (P8)      handed-over entry ──confirm / death──▶ let go (P7)
package struct ProcessLedger: Sendable {
    /// What to do with a commit or remove that arrived.
    package enum Submission: Equatable, Sendable {
        /// New: do it. The extent left the process's books.
        case proceed(Extent?)
        /// It ended before: say so again.
        case repeated(LocalResult)
        /// It is being done: this request gets the outcome too.
        case joined
        case refused(FluxonError.Code, String)
    }

    /// What a dead process leaves. Operations in flight go on; nobody will be told.
    package struct Estate: Equatable, Sendable {
        package var extents: [Extent]
        package var entries: [EntryReference]

        package init(extents: [Extent], entries: [EntryReference]) {
            self.extents = extents
            self.entries = entries
        }
    }

    private enum Operation: Sendable {
        case inFlight(requests: [UInt64])
        case settled(LocalResult)
    }

    private var granted: [UInt64: Extent] = [:]
    private var operations: [UInt64: Operation] = [:]
    private var handovers: [UInt64: EntryReference] = [:]
    private var settledCount = 0
    package private(set) var grantedBytes: UInt64 = 0
    package private(set) var inFlightCount = 0
    package private(set) var isDead = false

    package init() {}

    package var grantedCount: Int { granted.count }
    package var grantedExtents: [Extent] { granted.values.sorted { $0.offset < $1.offset } }
    package var handoverCount: Int { handovers.count }
    package var keptOutcomes: Int { settledCount }

    // MARK: Extents

    package mutating func grant(_ extent: Extent) {
        granted[extent.offset] = extent
        grantedBytes += extent.capacity
    }

    /// Takes extents back that the process says it will not write. Those that are not in the books are not in the answer.
    package mutating func giveBack(_ extents: [LocalExtent]) -> [Extent] {
        extents.compactMap { takeGranted($0) }
    }

    private mutating func takeGranted(_ extent: LocalExtent) -> Extent? {
        guard let known = granted[extent.offset], known.capacity == extent.capacity else { return nil }
        granted[extent.offset] = nil
        grantedBytes -= known.capacity
        return known
    }

    // MARK: Operations

    /// A put (with `extent`) or remove (without) arrived in the request `request` (CONSISTENCY F2, T1).
    package mutating func submit(counter: UInt64, request: UInt64, extent: LocalExtent?, length: UInt64) -> Submission {
        switch operations[counter] {
        case .settled(let result)?: return .repeated(result)
        case .inFlight(let requests)?:
            if !requests.contains(request) { operations[counter] = .inFlight(requests: requests + [request]) }
            return .joined
        case nil: break
        }
        guard inFlightCount < Limits.localOperations else {
            return .refused(.unavailable, "\(inFlightCount) operations of this process are in flight, the limit; wait for some to end")
        }
        guard settledCount < Limits.localOutcomes else {
            return .refused(.protocolViolation, "\(settledCount) outcomes were never acknowledged by this process; attach anew")
        }
        var taken: Extent?
        if let extent {
            guard length <= extent.capacity else {
                return .refused(.invalidArgument, "a value of \(length) bytes does not fit its extent of \(extent.capacity)")
            }
            guard let known = takeGranted(extent) else {
                return .refused(.permissionDenied, "the extent at \(extent.offset) was not granted to this process, or was used up")
            }
            taken = known
        }
        operations[counter] = .inFlight(requests: [request])
        inFlightCount += 1
        return .proceed(taken)
    }

    /// The operation ended. Gives the requests that wait for its outcome.
    package mutating func settle(counter: UInt64, _ result: LocalResult) -> [UInt64] {
        guard case .inFlight(let requests)? = operations[counter] else { return [] }
        inFlightCount -= 1
        guard !isDead else {
            operations[counter] = nil
            return []
        }
        operations[counter] = .settled(result)
        settledCount += 1
        return requests
    }

    /// The process has these outcomes.
    package mutating func received(_ counters: [UInt64]) {
        for counter in counters {
            guard case .settled? = operations[counter] else { continue }
            operations[counter] = nil
            settledCount -= 1
        }
    }

    // MARK: Handovers

    /// The entry is held for the request until the process confirms. Gives an entry that was held under the same number.
    package mutating func handOver(request: UInt64, _ entry: EntryReference) -> EntryReference? {
        handovers.updateValue(entry, forKey: request)
    }

    package mutating func confirm(request: UInt64) -> EntryReference? { handovers.removeValue(forKey: request) }

    // MARK: Ends

    /// The connection is another one. What the old one carried and nobody confirmed is void: a process pins before it looks at
    /// anything else. Requests of the old connection get no answer; their operations go on.
    package mutating func reconnect() -> [EntryReference] {
        let entries = sortedHandovers
        handovers = [:]
        for (counter, operation) in operations {
            if case .inFlight = operation { operations[counter] = .inFlight(requests: []) }
        }
        return entries
    }

    /// The process is proven dead, or left.
    package mutating func end() -> Estate {
        isDead = true
        let estate = Estate(extents: grantedExtents, entries: sortedHandovers)
        granted = [:]
        grantedBytes = 0
        handovers = [:]
        for (counter, operation) in operations {
            if case .settled = operation { operations[counter] = nil }
        }
        settledCount = 0
        return estate
    }

    private var sortedHandovers: [EntryReference] {
        handovers.values.sorted { ($0.index, $0.generation) < ($1.index, $1.generation) }
    }
}
