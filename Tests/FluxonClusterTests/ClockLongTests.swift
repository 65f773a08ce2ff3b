import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc
import Testing

/// That a bound on clocks is needed, that clocks within it are enough, and that a stale read of a real cluster is found.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClockLongTests {
    @Test(
        "an owner's readers stop when its lease is over, at clocks within the bound; with one far beyond, the history shows stale reads",
        arguments: [(rate: Int64(900_000), isViolated: false), (rate: Int64(200_000), isViolated: true)])
    func validity(rate: Int64, isViolated: Bool) async throws {
        let cluster = try TestCluster(clocks: .apart)
        // The master's is fast, which is the worse for a slow owner.
        cluster.clocks[0].setRate(1_100_000)
        cluster.clocks[1].setRate(rate)
        let recorder = HistoryRecorder()
        let reader = ClientSlot(
            index: 0, path: cluster.sharedDescription(0), owner: "owner-1", folder: cluster.folder, environment: cluster.environment(0),
            seed: 1, recorder: recorder, readsOnly: "key")
        var writer = Client(store: try await Store.connect(to: cluster.ownerSocket(1)), log: recorder)
        await writer.put("key", count: 4096)
        try reader.start()
        try await collect(reader, recorder, calls: 100)
        cluster.owners[0].signal(SIGSTOP)
        // The master goes on without the owner when that one's lease is over: by its own clock, at the promised rates.
        await writer.put("key", count: 4096)
        try await Task.sleep(for: .seconds(1))
        cluster.owners[0].signal(SIGCONT)
        try await collect(reader, recorder, calls: 100)
        reader.stop()
        let verdict = recorder.verdict()
        #expect(verdict.isEmpty == !isViolated, "\(verdict.joined(separator: "\n"))")
    }

    private func collect(_ client: ClientSlot, _ recorder: HistoryRecorder, calls: Int) async throws {
        let goal = recorder.finishedOperations + calls
        let limit = HistoryClock.now.advanced(by: .seconds(20))
        while recorder.finishedOperations < goal, HistoryClock.now < limit {
            client.collect()
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(recorder.finishedOperations >= goal)
    }
}
