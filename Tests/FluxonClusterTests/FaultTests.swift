import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc
import Testing

/// What users fear, on real processes under load, as far as it is over in a moment; the rest is in `FaultLongTests`.
@Suite(.serialized, .timeLimit(.minutes(4))) struct FaultTests {
    @Test("an owner is killed and started again")
    func ownerKilled() async throws {
        try await disturb(try TestCluster(), atLeast: 1500) { cluster, recorder in
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

    @Test("connections between processes and their owner are cut at either end: calls go on, as far as it is known what became of them")
    func localConnections() async throws {
        try await disturb(try TestCluster(), atLeast: 800) { cluster, recorder in
            for direction in [CInt(SHUT_RDWR), CInt(SHUT_WR), CInt(SHUT_RD)] {
                for owner in cluster.owners {
                    await recorder.finish(100)
                    #expect(owner.shutDownConnections(direction) > 0)
                }
            }
            await recorder.finish(200)
        }
    }

    @Test("wall clocks step by years, forward and back, and nothing changes")
    func wallClock() async throws {
        let cluster = try TestCluster(clocks: .steppable)
        try await disturb(cluster, atLeast: 1500) { cluster, recorder in
            for days in [400, -4000, 3600, 1] {
                for clock in cluster.clocks { clock.stepWall(by: .seconds(days * 86400)) }
                await recorder.finish(300)
            }
            await recorder.finish(300)
            #expect(recorder.failedOperations == 0)
            #expect(cluster.owners[0].log.contains("20"), "the log has dates")
        }
    }
}
