import Fluxon
import FluxonWorkload
import Testing

/// Two processes' worth of clients at work while `nemesis` disturbs the cluster: the recorded history is linearizable per key, no value is
/// mixed, every call ends. Faults fall after so many calls, on a cluster at work, whatever the machine's speed.
func disturb(
    _ cluster: TestCluster, atLeast operations: Int, _ nemesis: (TestCluster, HistoryRecorder) async throws -> Void
) async throws {
    let stores = [
        try await Store.connect(to: cluster.sharedDescription(0)), try await Store.connect(to: cluster.sharedDescription(1)),
    ]
    let recorder = HistoryRecorder()
    try await Workload(stores: stores, keys: KeyPlan(hot: 4), log: recorder).run { try await nemesis(cluster, recorder) }
    let verdict = recorder.verdict()
    #expect(verdict.isEmpty, "\(verdict.joined(separator: "\n"))")
    #expect(recorder.finishedOperations >= operations)
}
