import Fluxon
import FluxonSystem
import FluxonWorkload
import Foundation
import Glibc
import Testing

/// What a user does first, on real processes.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ClusterTests {
    @Test("a value put at one owner is read at the other, byte for byte", arguments: TestCluster.Metadata.allCases)
    func remoteGet(metadata: TestCluster.Metadata) async throws {
        let cluster = try TestCluster(metadata: metadata)
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        let second = try await Store.connect(to: cluster.sharedDescription(1))
        var number: UInt64 = 1
        for count in [8, 64, 4096, 1 << 20, 16 << 20] {
            let version = try await first.put("value-\(count)", TestValue.bytes(number: number, count: count))
            let local = try #require(try await first.get("value-\(count)"))
            let remote = try #require(try await second.get("value-\(count)"))
            #expect(TestValue.number(of: local) == number)
            #expect(TestValue.number(of: remote) == number)
            #expect(remote.count == count)
            #expect(remote.version == version)
            number += 1
        }
        try await first.put("empty", [UInt8]())
        #expect(try await second.get("empty")?.count == 0)
        #expect(try await second.size("value-4096") == 4096)
        #expect(try await second.exists("nothing") == false)
    }

    @Test("an overwrite from either side is what both sides read next, and a removed key is gone on both")
    func overwrites() async throws {
        let cluster = try TestCluster()
        let stores = [
            try await Store.connect(to: cluster.ownerSocket(0)), try await Store.connect(to: cluster.ownerSocket(1)),
        ]
        for round in 1...50 {
            let writer = round % 2
            try await stores[writer].put("key", TestValue.bytes(number: UInt64(round), count: 1024))
            for store in stores {
                let value = try #require(try await store.get("key"))
                #expect(TestValue.number(of: value) == UInt64(round))
            }
        }
        let held = try #require(try await stores[0].get("key"))
        #expect(try await stores[1].remove("key"))
        #expect(try await stores[0].get("key") == nil)
        #expect(try await stores[1].get("key") == nil)
        #expect(try await stores[1].remove("key") == false)
        #expect(TestValue.number(of: held) == 50)
    }

    @Test("a condition decides by what every earlier call left")
    func conditions() async throws {
        let cluster = try TestCluster()
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        let version = try await first.put("key", "one", if: .absent)
        await #expect(throws: FluxonError.self) { try await second.put("key", "two", if: .absent) }
        try await second.put("key", "three", if: .version(version))
        await #expect(throws: FluxonError.self) { try await first.put("key", "four", if: .version(version)) }
        let value = try #require(try await first.get("key"))
        #expect(try value.copyBytes() == Array("three".utf8))
    }

    @Test("a full pool makes room: what was put first goes everywhere, what came last stays; replicas go before own values")
    func fullPool() async throws {
        let cluster = try TestCluster(poolBytes: 32 << 20)
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        let mebibyte = TestValue.bytes(number: 7, count: 1 << 20)
        for index in 0..<64 { try await first.put("own-\(index)", mebibyte) }
        var present: [Int] = []
        for index in 0..<64 where try await first.get("own-\(index)") != nil { present.append(index) }
        #expect(present.count >= 20 && present.count < 32 && present.contains(63))
        // The other pool fills with replicas; its own values then push them out.
        for index in present { #expect(try await second.get("own-\(index)")?.count == 1 << 20) }
        for index in 0..<20 { try await second.put("other-\(index)", mebibyte) }
        for index in 0..<20 {
            let value = try #require(try await second.get("other-\(index)"))
            #expect(TestValue.number(of: value) == 7)
        }
        let refused = await #expect(throws: FluxonError.self) { try await first.put("huge", [UInt8](repeating: 1, count: 64 << 20)) }
        #expect(refused?.message.contains("contribute_to_cluster_pool_size") == true)
    }

    @Test("pages that a process took for puts and does not use make room for what others have")
    func idlePagesMakeRoom() async throws {
        let cluster = try TestCluster(poolBytes: 32 << 20)
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        let mebibyte = TestValue.bytes(number: 7, count: 1 << 20)
        // The whole pool passes to the process that puts, and is free again.
        for index in 0..<20 { try await first.put("own-\(index)", mebibyte) }
        for index in 0..<20 { try await first.remove("own-\(index)") }
        for index in 0..<20 { try await second.put("other-\(index)", mebibyte) }
        for index in 0..<20 {
            let value = try #require(try await first.get("other-\(index)"))
            #expect(TestValue.number(of: value) == 7)
        }
    }

    @Test("with mutual TLS between the roles a value gets from one owner to the other, and who has no certificate stays outside")
    func tls() async throws {
        let cluster = try TestCluster(usesTLS: true)
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        try await first.put("key", TestValue.bytes(number: 9, count: 1 << 20))
        let value = try #require(try await second.get("key"))
        #expect(TestValue.number(of: value) == 9)

        let configuration = try String(contentsOfFile: "\(cluster.folder)/owner-1.yaml", encoding: .utf8)
        let bare = configuration.split(separator: "\n").filter { !$0.hasPrefix("tls") }.joined(separator: "\n")
            .replacing("owner-1", with: "stranger").replacing("run-1", with: "run-9").replacing("/1\n", with: "/9\n")
        try File.replace("\(cluster.folder)/stranger.yaml", with: Array(bare.utf8))
        let stranger = RoleProcess(
            name: "stranger", executable: "\(TestCluster.products)/fluxon-owner",
            arguments: ["--config", "\(cluster.folder)/stranger.yaml"],
            folder: cluster.folder)
        #expect(throws: RoleFailure.self) { try stranger.start(within: .seconds(4)) }
        #expect(stranger.log.contains("no link to the master; trying on"))
    }

    @Test("roles stop on SIGTERM within seconds and in order, with exit code 0")
    func gracefulStop() async throws {
        let cluster = try TestCluster()
        #expect(cluster.owners[0].stop() == .exited(code: 0))
        #expect(cluster.owners[1].stop() == .exited(code: 0))
        #expect(cluster.master.stop() == .exited(code: 0))
    }

    @Test("a master that is told to stop gives its leadership up: the next one does not wait for a lease to run out")
    func gracefulHandOver() async throws {
        let cluster = try TestCluster(owners: 1, metadata: .etcd)
        #expect(cluster.master.stop() == .exited(code: 0))
        try cluster.master.start()
        #expect(!cluster.master.log.contains("another master leads") && !cluster.master.log.contains("authority not renewed"))
    }
}
