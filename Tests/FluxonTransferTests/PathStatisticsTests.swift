import FluxonCore
import FluxonTransfer
import Testing

@Suite struct PathStatisticsTests {
    private let peer = InstanceKey("b")
    private let broken = TransferError(.connectionLost("gone"), verified: 10, path: "fast b:1")

    @Test("reads, bytes, errors and the path in use are counted per peer and altogether")
    func counts() throws {
        var statistics = PathStatistics()
        statistics.failed("fast", to: peer, at: "b:1", broken, byteCount: 10, blamesThePath: true)
        statistics.fellBack(to: peer)
        statistics.succeeded("slow", to: peer, at: "b:2", byteCount: 90)
        statistics.served("slow", to: peer, byteCount: 7)
        statistics.succeeded("slow", to: InstanceKey("c"), at: "c:2", byteCount: 1)
        let told = try #require(statistics.peers[peer])
        #expect(told.lastTransport == "slow" && told.fallbacks == 1 && told.bytes == 107)
        #expect(told.paths.map(\.transport) == ["fast", "slow"] && told.paths.map(\.reads) == [0, 1])
        #expect(told.paths.map(\.bytes) == [10, 90] && told.paths.map(\.errors) == [1, 0] && told.paths.map(\.bytesServed) == [0, 7])
        #expect(told.paths[0].lastError == broken && told.paths[0].address == "b:1")
        #expect(statistics.total.paths.map(\.bytes) == [10, 91] && statistics.total.fallbacks == 1)
    }

    @Test("a read that ended for what is not the path's fault is no error of the path, and its bytes count")
    func blameless() {
        var statistics = PathStatistics()
        let gone = TransferError(.gone, verified: 5, path: "fast b:1")
        statistics.failed("fast", to: peer, at: "b:1", gone, byteCount: 5, blamesThePath: gone.blamesThePath)
        #expect(statistics.total.paths[0].errors == 0 && statistics.total.paths[0].bytes == 5)
        #expect(statistics.total.paths[0].lastError == nil)
    }

    @Test("a peer that left is forgotten, and its part of the totals stays: counters never go back")
    func forget() {
        var statistics = PathStatistics()
        statistics.succeeded("fast", to: peer, at: "b:1", byteCount: 3)
        statistics.fellBack(to: peer)
        statistics.forget(peer)
        #expect(statistics.peers.isEmpty && statistics.total.paths[0].bytes == 3 && statistics.total.fallbacks == 1)
    }

    @Test("peers beyond the limit count in the totals alone, and there is room again when one leaves")
    func limit() {
        var statistics = PathStatistics(peerLimit: 2)
        for name in ["a", "b", "c", "a"] { statistics.succeeded("fast", to: InstanceKey(name), at: "x", byteCount: 1) }
        statistics.fellBack(to: InstanceKey("d"))
        #expect(statistics.peers.keys.sorted() == [InstanceKey("a"), InstanceKey("b")] && statistics.total.paths[0].reads == 4)
        statistics.forget(InstanceKey("a"))
        statistics.succeeded("fast", to: InstanceKey("c"), at: "x", byteCount: 1)
        #expect(statistics.peers[InstanceKey("c")]?.bytes == 1)
    }
}
