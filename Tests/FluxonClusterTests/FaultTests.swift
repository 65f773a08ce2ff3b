import Fluxon
import FluxonSystem
import Glibc
import Testing

/// What users fear, on real processes under load: the recorded history is linearizable per key, no value is mixed, every call ends.
@Suite(.serialized, .timeLimit(.minutes(4))) struct FaultTests {
    private static let keys = (0..<4).map { "hot-\($0)" }

    private func run(
        metadata: TestCluster.Metadata, atLeast operations: Int, _ nemesis: (TestCluster, HistoryRecorder) async throws -> Void
    ) async throws {
        let cluster = try TestCluster(metadata: metadata)
        let stores = [
            try await Store.connect(to: cluster.sharedDescription(0)), try await Store.connect(to: cluster.sharedDescription(1)),
        ]
        let recorder = HistoryRecorder()
        try await Workload(stores: stores, keys: Self.keys, recorder: recorder).run { try await nemesis(cluster, recorder) }
        let verdict = recorder.verdict()
        #expect(verdict.isEmpty, "\(verdict.joined(separator: "\n"))")
        #expect(recorder.finishedOperations >= operations)
    }

    /// Waits until `count` more calls have ended: the faults fall on a cluster at work, whatever the machine's speed.
    private func calls(_ count: Int, _ recorder: HistoryRecorder) async throws {
        let goal = recorder.finishedOperations + count
        while recorder.finishedOperations < goal { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test("overwrites from both sides while four readers look", arguments: TestCluster.Metadata.allCases)
    func overwrites(metadata: TestCluster.Metadata) async throws {
        try await run(metadata: metadata, atLeast: 2000) { _, recorder in try await calls(2000, recorder) }
    }

    @Test("an owner is killed and started again")
    func ownerKilled() async throws {
        try await run(metadata: .embedded, atLeast: 1500) { cluster, recorder in
            for index in [0, 1] {
                try await calls(500, recorder)
                recorder.recordLoss(of: Self.keys, at: BootClock.now.nanoseconds)
                cluster.owners[index].kill()
                try cluster.owners[index].start()
            }
            try await calls(500, recorder)
        }
    }

    @Test("the master is killed and started again, with a real etcd")
    func masterKilled() async throws {
        try await run(metadata: .etcd, atLeast: 1000) { cluster, recorder in
            try await calls(500, recorder)
            cluster.master.kill()
            try cluster.master.start()
            try await calls(500, recorder)
        }
    }

    @Test("an owner is stopped for longer than its lease and goes on")
    func ownerStopped() async throws {
        try await run(metadata: .embedded, atLeast: 800) { cluster, recorder in
            try await calls(400, recorder)
            cluster.owners[1].signal(SIGSTOP)
            try await Task.sleep(for: .seconds(6))
            cluster.owners[1].signal(SIGCONT)
            try await calls(400, recorder)
        }
    }

    @Test("the master is stopped for longer than its authority and goes on")
    func masterStopped() async throws {
        try await run(metadata: .embedded, atLeast: 800) { cluster, recorder in
            try await calls(400, recorder)
            cluster.master.signal(SIGSTOP)
            try await Task.sleep(for: .seconds(6))
            cluster.master.signal(SIGCONT)
            try await calls(400, recorder)
        }
    }
}
