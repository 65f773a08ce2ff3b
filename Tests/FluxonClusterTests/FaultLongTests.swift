import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc
import Testing

/// What users fear, on real processes under load, and what takes leases and elections to get over.
@Suite(.serialized, .timeLimit(.minutes(4))) struct FaultLongTests {
    @Test("overwrites from both sides while four readers look", arguments: TestCluster.Metadata.allCases)
    func overwrites(metadata: TestCluster.Metadata) async throws {
        try await disturb(try TestCluster(metadata: metadata), atLeast: 2000) { _, recorder in await recorder.finish(2000) }
    }

    @Test("the master is killed and started again, with a real etcd")
    func masterKilled() async throws {
        try await disturb(try TestCluster(metadata: .etcd), atLeast: 1000) { cluster, recorder in
            await recorder.finish(500)
            cluster.master.kill()
            try cluster.master.start()
            await recorder.finish(500)
        }
    }

    @Test("a standby master takes over when the leader is killed, and again when the next one is")
    func standby() async throws {
        try await disturb(try TestCluster(masters: 2, metadata: .etcd), atLeast: 900) { cluster, recorder in
            for index in [0, 1] {
                await recorder.finish(300)
                cluster.masters[index].kill()
                await recorder.finish(300)
                try cluster.masters[index].launch()
            }
        }
    }

    @Test("an owner is stopped for longer than its lease and goes on")
    func ownerStopped() async throws {
        try await disturb(try TestCluster(), atLeast: 800) { cluster, recorder in
            await recorder.finish(400)
            cluster.owners[1].signal(SIGSTOP)
            try await Task.sleep(for: .seconds(6))
            cluster.owners[1].signal(SIGCONT)
            await recorder.finish(400)
        }
    }

    @Test("the master is stopped for longer than its authority and goes on")
    func masterStopped() async throws {
        try await disturb(try TestCluster(), atLeast: 800) { cluster, recorder in
            await recorder.finish(400)
            cluster.master.signal(SIGSTOP)
            try await Task.sleep(for: .seconds(6))
            cluster.master.signal(SIGCONT)
            await recorder.finish(400)
        }
    }

    @Test("links between roles are cut, half-closed and silent in either direction")
    func network() async throws {
        try await disturb(try TestCluster(hasProxies: true), atLeast: 800) { cluster, recorder in
            for proxy in cluster.proxies {
                await recorder.finish(40)
                proxy.set(.refusing)
                proxy.cut()
                await recorder.finish(10)
                proxy.set(.open)
                await recorder.finish(40)
                proxy.halfClose()
            }
            let links = try #require(cluster.proxies.first { $0.name == "links to master-1" })
            for way in FaultProxy.Way.allCases {
                await recorder.finish(100)
                links.set(.stalled(way))
                try await Task.sleep(for: .milliseconds(1500))
                links.set(.open)
            }
            await recorder.finish(200)
        }
    }

    @Test(
        "a disk that is full of other things stops neither puts nor gets, and a role that dies meanwhile is back when there is room",
        .enabled(if: geteuid() == 0, "mounts a disk"))
    func fullDisk() async throws {
        let cluster = try TestCluster(hasOwnDisk: true)
        try await disturb(cluster, atLeast: 600) { cluster, recorder in
            await recorder.finish(200)
            let filler = MemoryFiller(folder: cluster.folder)
            #expect(filler.fill() > 0)
            await recorder.finish(200)
            let killed = HistoryClock.now
            cluster.owners[1].kill()
            recorder.recordDeath(of: "owner-2", from: killed)
            // It may end, since it cannot tell processes where it is, or come up: either is in order, a crash is not.
            if (try? cluster.owners[1].launch()) != nil, let ending = cluster.owners[1].awaitEnd(within: .seconds(1)) {
                #expect(ending == .exited(code: 1))
            }
            filler.release()
            // The master ends when it cannot write the metadata, for its supervisor to start it again.
            if let ending = cluster.master.ending() {
                #expect(ending == .exited(code: 1))
                try cluster.master.start()
            }
            cluster.owners[1].kill()
            try cluster.owners[1].start()
            #expect(cluster.owners[0].ending() == nil, "\(cluster.owners[0].log)")
            await recorder.finish(200)
        }
    }
}
