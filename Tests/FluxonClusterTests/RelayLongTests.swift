import Fluxon
import FluxonCore
import FluxonWorkload
import Glibc
import Testing

/// Owners on machines that do not all reach each other.
@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: NetworkNamespaces.isPossible, Comment(rawValue: NetworkNamespaces.requirement)))
struct RelayLongTests {
    @Test(
        "a value comes through the owner that reaches both, from the first get on; and directly when that way is back",
        arguments: RelayCluster.Break.allCases)
    func roundabout(kind: RelayCluster.Break) async throws {
        let cluster = try RelayCluster()
        let holder = try await Store.connect(to: cluster.socket("holder"))
        let asker = try await Store.connect(to: cluster.socket("asker"))
        try cluster.breakWay(kind)
        for (number, count) in [1000, 0, 70_000, 4 << 20, (9 << 20) + 5].enumerated() {
            let version = try await holder.put("value-\(number)", TestValue.bytes(number: UInt64(number), count: count))
            let value = try #require(try await asker.get("value-\(number)", timeout: .seconds(10)), "\(cluster.log("asker"))")
            #expect(value.version == version && value.count == count)
            if count > 0 { #expect(TestValue.number(of: value) == UInt64(number)) }
        }
        #expect(try cluster.figure("relayed_fetches", "asker") == "5")
        #expect(try cluster.figure("fetches_failed", "asker") == "1", "only the first get tried the direct way")
        #expect(try cluster.figure("relayed_pieces", "relay") == "7")
        #expect(try cluster.figure("unreachable", "asker") == "holder")
        #expect(try cluster.figure("unreachable_pairs", "asker", ofMaster: true) == "1")
        #expect(try cluster.figure("relayed_pairs", "asker", ofMaster: true) == "1")
        for name in ["relay_held_bytes", "live_bytes", "tickets"] { try cluster.await(name, "relay", "0") }
        try cluster.await("tickets", "holder", "0")

        try cluster.mendWay(kind)
        try cluster.await("unreachable", "asker", "none")
        try await holder.put("value-0", TestValue.bytes(number: 77, count: 1 << 20))
        let value = try #require(try await asker.get("value-0", timeout: .seconds(10)))
        #expect(TestValue.number(of: value) == 77)
        #expect(try cluster.figure("relayed_pieces", "relay") == "7")
        #expect(try cluster.figure("unreachable_pairs", "asker", ofMaster: true) == "0")
    }

    @Test("a way that breaks between two gets is noticed, whatever connections stand", arguments: RelayCluster.Break.allCases)
    func breaksLater(kind: RelayCluster.Break) async throws {
        let cluster = try RelayCluster()
        let holder = try await Store.connect(to: cluster.socket("holder"))
        let asker = try await Store.connect(to: cluster.socket("asker"))
        try await holder.put("key", TestValue.bytes(number: 1, count: 1 << 20))
        #expect(try await asker.get("key") != nil)
        #expect(try cluster.figure("relayed_pieces", "relay") == "0")
        try cluster.breakWay(kind)
        try await holder.put("key", TestValue.bytes(number: 2, count: 1 << 20))
        let value = try #require(try await asker.get("key", timeout: .seconds(15)), "\(cluster.log("asker"))")
        #expect(TestValue.number(of: value) == 2)
        #expect(try cluster.figure("relayed_pieces", "relay") == "1")
    }

    @Test("a value far larger than what the relay lends comes through, and the relay never holds more than that")
    func flowControl() async throws {
        let relayBytes = 8 << 20
        let cluster = try RelayCluster(
            pools: ["asker": 320 << 20, "holder": 320 << 20, "relay": 32 << 20], relayBytes: relayBytes)
        let holder = try await Store.connect(to: cluster.socket("holder"))
        let asker = try await Store.connect(to: cluster.socket("asker"))
        try cluster.breakWay(.refused)
        try await holder.put("large", TestValue.bytes(number: 9, count: 256 << 20), timeout: .seconds(60))
        async let got = asker.get("large", timeout: .seconds(100))
        var most = (held: 0, live: 0)
        let deadline = ContinuousClock.now + .seconds(100)
        while try cluster.figure("relayed_fetches", "asker") == "0", ContinuousClock.now < deadline {
            most.held = max(most.held, Int(try cluster.figure("relay_held_bytes", "relay")) ?? 0)
            most.live = max(most.live, Int(try cluster.figure("live_bytes", "relay")) ?? 0)
        }
        let value = try #require(try await got)
        #expect(value.count == 256 << 20 && TestValue.number(of: value) == 9)
        #expect(most.held > 0 && most.held <= relayBytes && most.live <= relayBytes, "\(most)")
        #expect(try cluster.figure("relayed_bytes", "relay") == "\(256 << 20)")
        for name in ["relay_held_bytes", "live_bytes", "tickets"] { try cluster.await(name, "relay", "0") }
        try cluster.await("tickets", "holder", "0")
    }

    @Test("a get goes on through the death of its relay, as soon as there is one again")
    func relayDies() async throws {
        // A piece at a time, so that it takes long enough to be met in the middle.
        let cluster = try RelayCluster(pools: ["asker": 320 << 20, "holder": 320 << 20], relayBytes: Limits.relayPieceBytes)
        let holder = try await Store.connect(to: cluster.socket("holder"))
        let asker = try await Store.connect(to: cluster.socket("asker"))
        try cluster.breakWay(.refused)
        try await holder.put("large", TestValue.bytes(number: 3, count: 256 << 20), timeout: .seconds(60))
        async let got = asker.get("large", timeout: .seconds(60))
        let deadline = ContinuousClock.now + .seconds(60)
        while try cluster.figure("relayed_pieces", "relay") == "0", ContinuousClock.now < deadline {}
        cluster.process("relay")?.kill()
        try cluster.process("relay")?.start()
        let value = try #require(try await got, "\(cluster.log("asker"))")
        #expect(TestValue.number(of: value) == 3)
        #expect(try Int(cluster.figure("fetches_failed", "asker")) ?? 0 >= 2, "one at the direct way, and one at the relay's death")
        try cluster.await("tickets", "holder", "0", within: .seconds(40))
    }
}
