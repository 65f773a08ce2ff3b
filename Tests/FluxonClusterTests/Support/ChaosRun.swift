import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

/// A cluster with clients in processes of their own under a nemesis, and what must hold at the end.
final class ChaosRun {
    private let seed: UInt64
    private let cluster: TestCluster
    private let recorder = HistoryRecorder()
    private let clients: [ClientSlot]
    private let nemesis: Nemesis
    private let baseline: Footprint

    var faultCount: Int { nemesis.faultCount }
    var operationCount: Int { recorder.finishedOperations }

    init(seed: UInt64) throws {
        self.seed = seed
        let cluster = try TestCluster(metadata: .etcd, hasExternals: true, hasProxies: true, hasOwnMemory: true)
        self.cluster = cluster
        baseline = try Footprint(of: cluster)
        let recorder = recorder
        // Two at each owner: one attached at the owner itself, one through its external.
        clients = (0..<4).map { index in
            let path = index % 2 == 0 ? cluster.sharedDescription(index / 2) : cluster.externalSocket(index / 2)
            return ClientSlot(index: index, path: path, folder: cluster.folder, seed: seed, recorder: recorder)
        }
        nemesis = Nemesis(seed: seed, cluster: cluster, clients: clients, recorder: recorder)
    }

    /// - Returns: what was wrong.
    func run(for duration: Duration) async throws -> [String] {
        nemesis.say("seed \(seed), \(duration)")
        for client in clients { try client.start() }
        try await settle(within: .seconds(20))
        nemesis.run(for: duration)
        nemesis.say("\(faultCount) faults, no more; \(operationCount) calls succeeded, \(recorder.failedOperations) did not")
        try await settle(within: .seconds(30))
        recorder.beginCalm()
        try await watch(for: .seconds(4))
        for client in clients { client.stop() }
        nemesis.say("calm: \(operationCount) calls")
        try await readEverything()
        // A ticket whose asker gave up during the last fault keeps its source's bytes for 30 s.
        let excess = try await excess(within: .seconds(40))
        let verdict = recorder.verdict() + excess
        nemesis.say("\(verdict.count) violations")
        if !verdict.isEmpty { keepEvidence() }
        return verdict
    }

    private func watch(for duration: Duration) async throws {
        let end = BootClock.now.advanced(by: duration)
        while BootClock.now < end {
            for client in clients { client.collect() }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Waits until every client is served again.
    private func settle(within limit: Duration) async throws {
        let start = BootClock.now
        while BootClock.now.since(start) < limit {
            try await watch(for: .milliseconds(200))
            if recorder.areServed(clients.map(\.source), since: start) { return nemesis.say("all are served") }
        }
        for client in clients where !recorder.areServed([client.source], since: start) {
            recorder.violation("\(client.name) is not served \(limit) after the last fault")
        }
    }

    /// Every key at both owners: what was acknowledged and not lost is there. Then all are removed.
    private func readEverything() async throws {
        let stores = [
            try await Store.connect(to: cluster.externalSocket(0)), try await Store.connect(to: cluster.ownerSocket(1)),
        ]
        await Workload(stores: stores, keys: KeyPlan(hot: 1), log: recorder).sweep(recorder.keys)
        for store in stores { store.close() }
    }

    private func excess(within limit: Duration) async throws -> [String] {
        let start = BootClock.now
        var excess: [String] = []
        repeat {
            try await Task.sleep(for: .milliseconds(500))
            excess = try Footprint(of: cluster).excess(over: baseline)
        } while !excess.isEmpty && BootClock.now.since(start) < limit
        return excess
    }

    /// Logs and histories of a failed run, if somebody said where to (FLUXON_CHAOS_EVIDENCE).
    private func keepEvidence() {
        guard let folder = getenv("FLUXON_CHAOS_EVIDENCE").map({ String(cString: $0) }) else { return }
        do {
            try File.makeDirectories(folder)
            for role in [cluster.master] + cluster.owners + cluster.externals {
                try File.replace("\(folder)/seed-\(seed)-\(role.name).log", with: Array(role.log.utf8))
            }
            for path in try cluster.callLogs() {
                let name = path.split(separator: "/").last ?? ""
                try File.replace("\(folder)/seed-\(seed)-\(name)", with: File.readAll(path, limit: 1 << 28))
            }
        } catch {
            nemesis.say("evidence not kept: \(error)")
        }
    }
}
