import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc
import Testing

/// What users fear, on real processes under load: the recorded history is linearizable per key, no value is mixed, every call ends.
/// Faults fall after so many calls, on a cluster at work, whatever the machine's speed.
@Suite(.serialized, .timeLimit(.minutes(4))) struct FaultTests {
    private func run(
        metadata: TestCluster.Metadata, atLeast operations: Int, _ nemesis: (TestCluster, HistoryRecorder) async throws -> Void
    ) async throws {
        let cluster = try TestCluster(metadata: metadata)
        let stores = [
            try await Store.connect(to: cluster.sharedDescription(0)), try await Store.connect(to: cluster.sharedDescription(1)),
        ]
        let recorder = HistoryRecorder()
        try await Workload(stores: stores, keys: KeyPlan(hot: 4), log: recorder).run { try await nemesis(cluster, recorder) }
        let verdict = recorder.verdict()
        #expect(verdict.isEmpty, "\(verdict.joined(separator: "\n"))")
        #expect(recorder.finishedOperations >= operations)
    }

    @Test("overwrites from both sides while four readers look", arguments: TestCluster.Metadata.allCases)
    func overwrites(metadata: TestCluster.Metadata) async throws {
        try await run(metadata: metadata, atLeast: 2000) { _, recorder in await recorder.finish(2000) }
    }

    @Test("an owner is killed and started again")
    func ownerKilled() async throws {
        try await run(metadata: .embedded, atLeast: 1500) { cluster, recorder in
            for index in [0, 1] {
                await recorder.finish(500)
                let killed = HistoryClock.now
                cluster.owners[index].kill()
                recorder.recordDeath(of: cluster.owners[index].name, from: killed)
                try cluster.owners[index].start()
            }
            await recorder.finish(500)
        }
    }

    @Test("the master is killed and started again, with a real etcd")
    func masterKilled() async throws {
        try await run(metadata: .etcd, atLeast: 1000) { cluster, recorder in
            await recorder.finish(500)
            cluster.master.kill()
            try cluster.master.start()
            await recorder.finish(500)
        }
    }

    @Test("an owner is stopped for longer than its lease and goes on")
    func ownerStopped() async throws {
        try await run(metadata: .embedded, atLeast: 800) { cluster, recorder in
            await recorder.finish(400)
            cluster.owners[1].signal(SIGSTOP)
            try await Task.sleep(for: .seconds(6))
            cluster.owners[1].signal(SIGCONT)
            await recorder.finish(400)
        }
    }

    @Test("the master is stopped for longer than its authority and goes on")
    func masterStopped() async throws {
        try await run(metadata: .embedded, atLeast: 800) { cluster, recorder in
            await recorder.finish(400)
            cluster.master.signal(SIGSTOP)
            try await Task.sleep(for: .seconds(6))
            cluster.master.signal(SIGCONT)
            await recorder.finish(400)
        }
    }
}
