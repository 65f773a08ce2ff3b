import FluxonCore
import FluxonPool
import FluxonRPC
import FluxonSystem
import FluxonTransfer
import Logging
import Testing

@testable import FluxonOwner

/// From a list of holders to a copy in the pool, with real tickets and sockets.
@Suite(.timeLimit(.minutes(1))) struct ReplicaFetcherTests {
    @Test("a holder that goes away in the middle is followed by the next, from the first byte missing")
    func changesHolder() async throws {
        let chunk = UInt64(TransferLimits().chunkBytes)
        let stage = try await FetchStage(length: 40 * chunk)
        let first = try await stage.holder(tickets: 1, bytes: Int(3 * chunk))
        let second = try await stage.holder(tickets: 1, bytes: nil)
        #expect(try await stage.fetch() == true)
        #expect(first.ranges == [0..<40 * chunk])
        #expect(second.ranges == [3 * chunk..<40 * chunk])
        await stage.stop()
    }

    @Test("a path that breaks is followed by another ticket of the same holder, and then by the next holder, each for the rest")
    func renewsAndChanges() async throws {
        let chunk = UInt64(TransferLimits().chunkBytes)
        let stage = try await FetchStage(length: 10 * chunk + 5)
        let first = try await stage.holder(tickets: 2, bytes: Int(3 * chunk))
        let second = try await stage.holder(tickets: 1, bytes: nil)
        #expect(try await stage.fetch() == true)
        #expect(first.ranges == [0..<10 * chunk + 5, 3 * chunk..<10 * chunk + 5])
        #expect(second.ranges == [6 * chunk..<10 * chunk + 5])
        await stage.stop()
    }

    @Test("without a holder that serves it the fetch fails and its extent returns")
    func fails() async throws {
        let stage = try await FetchStage(length: 100_000)
        _ = try await stage.holder(tickets: 0, bytes: nil)
        #expect(try await stage.fetch() == false)
        #expect(try await stage.liveBytes() == 0)
        await stage.stop()
    }
}

/// A fetcher with its pool on a loop, and holders.
private final class FetchStage: @unchecked Sendable {
    // SAFETY: everything below is touched on `loop` alone.
    private let loop: EventLoop
    private let length: UInt64
    private let transfer: TransferActor
    private let driver: ReplicaDriver
    private var fetcher: ReplicaFetcher?
    private var peers: OwnerPeers?
    private var servers: [RPCServer] = []
    private var holders: [ScriptedHolder] = []

    init(length: UInt64) async throws {
        self.length = length
        let loop = try EventLoop.started(name: "reader")
        self.loop = loop
        let identity = Asker(instance: InstanceKey("reader"), generation: Generation(1))
        let transfer = TransferActor(loop: loop, cluster: "c", owner: identity)
        self.transfer = transfer
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let pool = try Pool(PoolStorage.anonymous(capacityBytes: 16 << 20), epoch: 1)
        driver = ReplicaDriver(
            loop: loop, pool: pool, configuration: ReplicaConfiguration(cluster: "c", instance: identity.instance, life: 1), logger: logger)
        let peers = OwnerPeers(loop: loop, transfer: transfer, identity: identity, tls: nil, logger: logger) { [weak self] in
            let members = self?.holders.map(\.member) ?? []
            return Dictionary(uniqueKeysWithValues: members.enumerated().map { (OwnerID(UInt32($0.offset + 1)), $0.element) })
        }
        self.peers = peers
        fetcher = ReplicaFetcher(loop: loop, transfer: transfer, peers: peers, driver: driver, logger: logger)
    }

    func holder(tickets: Int, bytes: Int?) async throws -> ScriptedHolder {
        try await loop.perform { [self] in
            let server = RPCServer(loop: loop)
            let holder = try ScriptedHolder("holder-\(holders.count + 1)", on: server, length: length, tickets: tickets, bytes: bytes)
            servers.append(server)
            holders.append(holder)
            return holder
        }
    }

    /// Whether it arrived.
    func fetch() async throws -> Bool {
        let key = try Key(Array("key".utf8))
        try await loop.perform { [self] in
            fetcher?.start(
                FluxonOwner.FetchRequest(
                    fetch: FluxonOwner.FetchID(1), key: key, version: Version(term: 1, sequence: 1), byteCount: length,
                    holders: holders.indices.map { OwnerID(UInt32($0 + 1)) }))
        }
        while true {
            let counters = try await loop.perform { [self] in driver.counters }
            if counters.fetches + counters.fetchesFailed > 0 { return counters.fetches > 0 }
            await Task.yield()
        }
    }

    func liveBytes() async throws -> Int {
        try await loop.perform { [self] in Int(driver.pool.statistics.liveBytes) }
    }

    func stop() async {
        try? await loop.perform { [self] in
            fetcher?.close()
            peers?.close()
            transfer.assumeIsolated { $0.close() }
            for server in servers { server.close() }
        }
        loop.stop()
    }
}
