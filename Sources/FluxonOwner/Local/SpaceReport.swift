import FluxonPool

/// How a pool's space is used, for a person who looks for some.
package struct SpaceReport: Hashable, Sendable {
    package let capacityBytes: Int
    /// Values that processes of this owner put; values fetched from other owners.
    package let ownBytes: Int
    package let replicaBytes: Int
    /// Taken out of service, and perhaps still read by somebody.
    package let retiredBytes: Int
    /// Given to processes for puts to come.
    package let unwrittenBytes: Int
    /// Puts and fetches under way, copies that wait for an outcome, long keys.
    package let otherBytes: Int
    /// Free pages that anybody may have.
    package let freeBytes: Int
    /// Those with most pages first.
    package let processes: [ProcessDescription]

    private static let shownProcesses = 5

    init(pool: PoolStatistics, local: LocalSummary, processes: [ProcessDescription]) {
        capacityBytes = pool.capacityBytes
        ownBytes = pool.usage.ownBytes
        replicaBytes = pool.usage.replicaBytes
        retiredBytes = pool.usage.retiredBytes
        unwrittenBytes = Int(clamping: local.grantedBytes)
        otherBytes = max(0, pool.liveBytes - ownBytes - replicaBytes - retiredBytes - unwrittenBytes)
        freeBytes = pool.unassignedBytes
        self.processes = processes.filter { $0.spanBytes > 0 || $0.valuesHeld > 0 }.sorted { $0.spanBytes > $1.spanBytes }
    }

    /// Pages of processes, by process.
    package var spans: String {
        guard !processes.isEmpty else { return "none" }
        let shown = processes.prefix(Self.shownProcesses).map { process in
            let name = process.name.isEmpty ? "" : " (\(process.name))"
            let held = process.valuesHeld == 0 ? "" : ", holds \(process.valuesHeld) values"
            return "\(process.processID)\(name) \(process.spanBytes) of which \(process.idleBytes) idle\(held)"
        }
        let rest = processes.count - shown.count
        return shown.joined(separator: "; ") + (rest > 0 ? "; \(rest) more" : "")
    }
}

extension SpaceReport: CustomStringConvertible {
    package var description: String {
        "of \(capacityBytes) bytes own values take \(ownBytes), replicas \(replicaBytes), retired copies \(retiredBytes), "
            + "puts to come of processes \(unwrittenBytes), other \(otherBytes), and \(freeBytes) are free; "
            + "pages of processes: \(spans)"
    }
}
