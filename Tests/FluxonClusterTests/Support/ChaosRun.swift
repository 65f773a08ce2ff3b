import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

/// A cluster with clients in processes of their own under a nemesis, and what must hold at the end.
final class ChaosRun {
    private let seed: UInt64
    private let layout: ChaosLayout
    private let cluster: TestCluster
    private let recorder = HistoryRecorder()
    private let clients: [ClientSlot]
    private let nemesis: Nemesis
    private let baseline: Footprint
    /// The last that was taken after the calm.
    private var footprint: Footprint
    private let pulse: MachinePulse

    /// - Parameter isBeyondBound: With clocks that break the protocol's assumption, to show that a run finds what follows.
    init(seed: UInt64, isBeyondBound: Bool = false) throws {
        self.seed = seed
        let layout = ChaosLayout(seed: seed)
        self.layout = layout
        let cluster = try TestCluster(
            owners: layout.owners, masters: layout.masters, metadata: layout.metadata, hasExternals: true, hasProxies: true,
            hasOwnMemory: true, clocks: .apart)
        self.cluster = cluster
        baseline = try Footprint(of: cluster)
        footprint = baseline
        let recorder = recorder
        clients = layout.clients.enumerated().map { index, place in
            ClientSlot(
                index: index, path: place.isThroughExternal ? cluster.externalSocket(place.owner) : cluster.sharedDescription(place.owner),
                owner: cluster.owners[place.owner].name, folder: cluster.folder,
                environment: place.isElsewhere ? cluster.clocks[0].environment : cluster.environment(place.owner), seed: seed,
                recorder: recorder)
        }
        nemesis = Nemesis(seed: seed, cluster: cluster, clients: clients, recorder: recorder, isBeyondBound: isBeyondBound)
        // Ten seconds are fifty there, which is not what the run is to find.
        if isBeyondBound { recorder.setLongestCall(.seconds(60)) }
        let owners = cluster.owners.map(\.name)
        pulse = try MachinePulse { start, end in
            recorder.recordStop(of: nil, from: start, to: end)
            // Long enough for a lease to end, at the owners or at the master.
            guard end.since(start) > .seconds(1) else { return }
            recorder.recordSilence(of: owners, from: start, to: end)
            recorder.recordBreak(from: start, to: end)
        }
    }

    deinit { pulse.stop() }

    func run(for duration: Duration) async throws -> ChaosSummary {
        let start = HistoryClock.now
        nemesis.say("seed \(seed), \(duration): \(layout); \(network)")
        for client in clients { try client.start() }
        try await settle(within: .seconds(20))
        nemesis.run(for: duration)
        let disturbed = HistoryClock.now.since(start)
        nemesis.say(
            "\(nemesis.faultCount) faults, no more; \(recorder.finishedOperations) calls answered, \(recorder.failedOperations) not")
        try await settle(within: .seconds(30))
        recorder.beginCalm()
        try await watch(for: .seconds(4))
        for client in clients { client.stop() }
        nemesis.say("calm: \(recorder.finishedOperations) calls answered")
        try await readEverything()
        nemesis.say("every key read at \(layout.owners) owners and removed")
        // A ticket whose asker gave up during the last fault keeps its source's bytes for 30 s.
        let excess = try await excess(within: .seconds(40))
        pulse.stop()
        return summary(of: recorder.historyRecord, excess: excess, disturbed: disturbed, start: start)
    }

    private var network: String {
        "links through proxies that cut, half-close, delay and stall; "
            + (nemesis.network.isPossible
                ? "packets lost by nftables in a network namespace" : "no packet loss: no network namespace of its own")
    }

    private func watch(for duration: Duration) async throws {
        let end = HistoryClock.now.advanced(by: duration)
        while HistoryClock.now < end {
            for client in clients { client.collect() }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Waits until every client is served again.
    private func settle(within limit: Duration) async throws {
        let start = HistoryClock.now
        while HistoryClock.now.since(start) - pulse.standstill < limit {
            try await watch(for: .milliseconds(200))
            if recorder.areServed(clients.map(\.source), since: start) { return nemesis.say("all are served") }
        }
        for client in clients where !recorder.areServed([client.source], since: start) {
            recorder.violation("\(client.name) is not served \(limit) after the last fault")
        }
    }

    /// Every key at every owner: what was acknowledged and not lost is there. Then all are removed.
    private func readEverything() async throws {
        var stores: [Store] = []
        for index in 0..<layout.owners {
            stores.append(try await Store.connect(to: index == 0 ? cluster.externalSocket(0) : cluster.ownerSocket(index)))
        }
        await Workload(stores: stores, keys: KeyPlan(hot: 1), log: recorder).sweep(recorder.keys)
        for store in stores { store.close() }
    }

    private func excess(within limit: Duration) async throws -> [String] {
        let start = HistoryClock.now
        var excess: [String] = []
        repeat {
            try await Task.sleep(for: .milliseconds(500))
            footprint = try Footprint(of: cluster)
            let last = excess
            excess = footprint.excess(over: baseline)
            if excess != last, !excess.isEmpty { nemesis.say("still there: \(excess.joined(separator: ", "))") }
        } while !excess.isEmpty && HistoryClock.now.since(start) < limit
        nemesis.say(excess.isEmpty ? "all resources are back at their baseline" : "left over: \(excess.joined(separator: ", "))")
        return excess
    }

    private func summary(of record: HistoryRecord, excess: [String], disturbed: Duration, start: BootInstant) -> ChaosSummary {
        let violations = record.verdict() + excess
        let slowest = ChaosSummary.slowest(of: record)
        var names: [UInt64: String] = [:]
        for client in clients { names[HistoryRecord.slot(of: client.source)] = client.name }
        let summary = ChaosSummary(
            seed: seed, cluster: "\(layout)", network: network, seconds: disturbed / .seconds(1),
            faults: Dictionary(uniqueKeysWithValues: nemesis.faults.map { ($0.key.rawValue, $0.value) }),
            calls: ChaosSummary.calls(of: record), keys: record.calls.count,
            clients: ChaosSummary.clients(of: record, names: names, from: start.nanoseconds), slowestCall: slowest.call,
            slowestCallSeconds: slowest.seconds, machineStandstillSeconds: pulse.standstill / .seconds(1),
            resources: footprint.comparison(with: baseline), violations: violations,
            evidence: violations.isEmpty ? nil : keepEvidence(),
            command: "scripts/chaos --minutes \(max(1, Int(disturbed / .seconds(60)))) --seed \(seed)")
        nemesis.say(summary.table)
        return summary
    }

    /// Logs and histories of a failed run.
    private func keepEvidence() -> String? {
        let folder = getenv("FLUXON_CHAOS_EVIDENCE").map { String(cString: $0) } ?? "/tmp/fluxon-chaos-\(getpid())"
        do {
            try File.makeDirectories(folder)
            for role in nemesis.roles {
                try File.replace("\(folder)/seed-\(seed)-\(role.name).log", with: Array(role.log.utf8))
            }
            for path in try cluster.callLogs() {
                let name = path.split(separator: "/").last ?? ""
                try File.replace("\(folder)/seed-\(seed)-\(name)", with: File.readAll(path, limit: 1 << 28))
            }
            return folder
        } catch {
            nemesis.say("evidence not kept: \(error)")
            return nil
        }
    }
}
