import FluxonCore
import FluxonEtcd
import FluxonEtcdEmbedded
import FluxonSystem
import FluxonTestFiles
import Logging
import Synchronization
import Testing

@testable import FluxonMaster

/// Roster entries in the metadata themselves (G3, decisions 0014 and 0047).
@Suite(.timeLimit(.minutes(1))) struct RosterWriteTests {
    private static func entry(_ number: Int, _ state: RosterEntry.State = .in) -> RosterEntry {
        RosterEntry(owner: OwnerID(UInt32(number)), generation: Generation(1), state: state, life: 1)
    }

    private static func change(_ number: Int, _ state: RosterEntry.State = .in, replaces: InstanceKey? = nil) -> RosterChange {
        RosterChange(owner: owner(number), entry: entry(number, state), replaces: replaces)
    }

    private static func owner(_ number: Int) -> InstanceKey { InstanceKey("owner-\(number)") }

    /// A master that leads, on metadata of its own.
    private func leading(_ body: (LeaseActor, Leadership, EtcdClient) async throws -> Void) async throws {
        let folder = try TestFolder.make()
        let loop = try EventLoop.started(name: "master")
        defer { loop.stop() }
        let (server, address) = try await EmbeddedEtcd.start(
            path: "\(folder)/metadata.sqlite", listen: .tcp(host: "127.0.0.1", port: 0))
        let client = EtcdClient(loop: loop, options: try EtcdClientOptions(parsing: ["http://\(address)"]))
        let lease = LeaseActor(
            loop: loop, etcd: client, cluster: "c", timing: ProtocolTiming(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let (leadership, _) = try await lease.win(
            cluster: "c", instance: InstanceKey("master-1"), line: AttributeLine([("address", "a")]), endsAt: { _ in false }, onLost: {})
        try await body(lease, leadership, client)
        await client.close()
        await server.stop()
    }

    @Test("a batch of entries is one transaction: all are written at one revision, and each is told so")
    func oneTransaction() async throws {
        try await leading { lease, leadership, client in
            let keyspace = MetadataKeyspace(clusterName: "c")
            let told = Mutex(0)
            let writes = (1...Limits.rosterBatch).map { number in
                RosterWrite(Self.change(number)) { if $0 { told.withLock { $0 += 1 } } }
            }
            #expect(await lease.write(writes, leadership))
            #expect(told.withLock { $0 } == Limits.rosterBatch)
            let found = try await client.list(prefix: keyspace.roster).keyValues
            #expect(found.count == Limits.rosterBatch && Set(found.map(\.modRevision)).count == 1)
            // 0040: the history counts entries, in the same transaction.
            let history = try #require(try await client.get(keyspace.history))
            #expect(TermHistory(parsing: history.valueText)?.writes(in: leadership.term) == UInt64(Limits.rosterBatch))
            #expect(history.modRevision == found.first?.modRevision)
            // The next ones know what stands there.
            #expect(await lease.write([RosterWrite(Self.change(3, .lost)) { _ in }], leadership))
        }
    }

    @Test("0014: entries that are not what this term read are read, and the batch is written over them, once")
    func overtaken() async throws {
        try await leading { lease, leadership, client in
            let key = MetadataKeyspace(clusterName: "c").rosterEntry(of: Self.owner(1))
            try await client.put(key, Self.entry(1).text)
            let writes = (1...2).map { RosterWrite(Self.change($0)) { #expect($0) } }
            #expect(await lease.write(writes, leadership))
            let found = try await client.list(prefix: MetadataKeyspace(clusterName: "c").roster).keyValues
            #expect(found.map(\.version).sorted() == [1, 2])
            #expect(await lease.history.writes(in: leadership.term) == 2)
        }
    }

    @Test("G3: a term that is over writes none of a batch, and says so to each")
    func over() async throws {
        try await leading { lease, leadership, client in
            try await client.delete(.key(MetadataKeyspace(clusterName: "c").leader))
            let told = Mutex<[Bool]>([])
            let writes = (1...2).map { number in
                RosterWrite(Self.change(number)) { isWritten in told.withLock { $0.append(isWritten) } }
            }
            #expect(await !lease.write(writes, leadership))
            #expect(told.withLock { $0 } == [false, false])
            #expect(try await client.list(prefix: MetadataKeyspace(clusterName: "c").roster).keyValues.isEmpty)
        }
    }

    @Test("0043: a batch in which every owner takes a lost one's number deletes as many entries as it writes, in one transaction")
    func replacing() async throws {
        try await leading { lease, leadership, client in
            let half = Limits.rosterBatch / 2
            // Not within `#expect`: Swift 6.3 takes the closure of the second list for that of the first there.
            let losses = (1...half).map { RosterWrite(Self.change($0, .lost)) { _ in } }
            #expect(await lease.write(losses, leadership))
            let writes = (1...half).map { RosterWrite(Self.change(100 + $0, replaces: Self.owner($0))) { #expect($0) } }
            #expect(await lease.write(writes, leadership))
            let keyspace = MetadataKeyspace(clusterName: "c")
            let found = try await client.list(prefix: keyspace.roster).keyValues
            #expect(Set(found.map(\.keyText)) == Set((1...half).map { keyspace.rosterEntry(of: Self.owner(100 + $0)) }))
            #expect(await lease.rosterOwners.count == half)
            #expect(await lease.history.writes(in: leadership.term) == UInt64(2 * half))
        }
    }

    @Test("0040: an etcd that has forgotten this term's writes is written to no more")
    func rolledBack() async throws {
        try await leading { lease, leadership, client in
            let keyspace = MetadataKeyspace(clusterName: "c")
            let before = try #require(try await client.get(keyspace.history))
            #expect(await lease.write([RosterWrite(Self.change(1)) { _ in }], leadership))
            try await client.put(keyspace.history, before.valueText)
            let writes = (2...3).map { RosterWrite(Self.change($0)) { #expect(!$0) } }
            #expect(await !lease.write(writes, leadership))
            #expect(try await client.list(prefix: keyspace.roster).keyValues.count == 1)
        }
    }
}
