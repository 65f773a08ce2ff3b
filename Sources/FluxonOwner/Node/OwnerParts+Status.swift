internal import FluxonCore
internal import FluxonPool
internal import FluxonTransfer
internal import Logging

// What an owner says of itself: to `fluxon status`, to its log, and to processes that it cannot attach.
extension OwnerParts {
    /// Why no master renews this owner's validity, as far as it can be seen from here.
    var whyNotCurrent: String {
        if let problem = link.problem { return problem }
        if link.isLinked { return "the master at \(link.leaderName) is connected and renews nothing: it is stopped, or cannot reach etcd" }
        if let waiting { return "\(waiting.problem); \(waiting.remedy)" }
        return link.hasLeader ? "no link to the master at \(link.leaderName) yet" : "no master leads; start fluxon-master"
    }

    /// For processes that want to attach before any master has taken this owner.
    var obstacle: FluxonError {
        FluxonError(
            .notCurrent,
            "the owner \(configuration.instanceKey) runs and attaches processes when a master has taken it: \(whyNotCurrent)")
    }

    func tell(_ event: ValidityWatch.Event) {
        switch event {
        case .lost:
            logger.warning(
                "validity lost: gets of current values wait until a master renews it", metadata: ["fluxon.reason": "\(whyNotCurrent)"])
        case .regained(let time):
            logger.notice("validity regained", metadata: ["fluxon.milliseconds": "\(time.clampedNanoseconds / 1_000_000)"])
        }
    }

    var status: StatusAnswer.Section {
        let statistics = driver.pool.statistics
        let counters = driver.counters
        let isValid = driver.isValid
        let space = local.spaceReport
        return StatusAnswer.Section(
            title: "owner \(configuration.instanceKey)",
            figures: [
                .init("cluster", configuration.clusterName), .init("state", isValid ? "valid" : "not valid"),
                .init(StatusAnswer.problemName, isValid ? "none" : whyNotCurrent),
                .init("term", "\(driver.table.term)"), .init("generation", "\(driver.table.generation)"),
                .init("leader", link.leaderName), .init("linked", "\(link.isLinked)"),
                .init("last_failover_ms", driver.failover.last.map { "\($0.clampedNanoseconds / 1_000_000)" } ?? "none"),
                .init("pool_bytes", "\(statistics.capacityBytes)"), .init("live_bytes", "\(statistics.liveBytes)"),
                .init("unassigned_bytes", "\(statistics.unassignedBytes)"), .init("own_bytes", "\(statistics.usage.ownBytes)"),
                .init("replica_bytes", "\(statistics.usage.replicaBytes)"), .init("retired_bytes", "\(statistics.usage.retiredBytes)"),
                .init("unwritten_bytes", "\(space.unwrittenBytes)"), .init("other_bytes", "\(space.otherBytes)"),
                .init("process_spans", space.spans), .init("keys", "\(statistics.publishedEntries)"),
                .init("retired", "\(statistics.retiredEntries)"), .init("processes", "\(statistics.attachedProcesses)"),
                .init("tickets", "\(transfer.assumeIsolated { $0.ticketCount })"),
                .init("commits", "\(counters.commits)"), .init("misses", "\(counters.reads)"), .init("fetches", "\(counters.fetches)"),
                .init("fetches_failed", "\(counters.fetchesFailed)"), .init("evictions", "\(counters.evictions)"),
            ] + relayFigures)
    }

    /// The processes attached here, as they call themselves; the latest ones where there are very many.
    var processStatus: StatusAnswer.Section {
        let all = local.descriptions
        return StatusAnswer.Section(
            title: "processes \(configuration.instanceKey)",
            figures: all.suffix(Limits.statusProcesses).map { process in
                let name = process.name.isEmpty ? "no name" : process.name.limited(to: Limits.nameBytes)
                return .init(
                    "session_\(process.session)",
                    "\(name), pid \(process.processID == 0 ? "in another namespace" : "\(process.processID)"), user \(process.userID), "
                        + (process.isConnected ? "connected" : "not connected") + ", \(process.grantedBytes) bytes granted, "
                        + "\(process.operationsInFlight) operations")
            } + (all.count > Limits.statusProcesses ? [.init("left_out", "\(all.count - Limits.statusProcesses)")] : []))
    }

    private var relayFigures: [StatusAnswer.Figure] {
        [
            .init("unreachable", list: peers.unreachableNames),
            .init("relayed_fetches", "\(fetcher.relayed.fetches)"), .init("relayed_fetch_bytes", "\(fetcher.relayed.bytes)"),
            .init("relayed_pieces", "\(relay.counters.pieces)"), .init("relayed_bytes", "\(relay.counters.bytes)"),
            .init("relay_waiting", "\(relay.waitingCount)"), .init("relay_held_bytes", "\(relay.heldBytes)"),
        ]
    }
}
