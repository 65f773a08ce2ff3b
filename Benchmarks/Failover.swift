import Fluxon
import FluxonCore
import FluxonMeasure
import FluxonSystem
import Foundation
import Glibc

/// What the death of the master costs with many keys: two owners hold half of them each, the master is killed and started again at once.
///
/// The line is `case, keys, load_keys_per_s, remote_get_ms, put_ms, local_get_pause_ms`: from the kill to the first answer of each kind,
/// and the longest that a get of a value in this machine's pool was held up.
enum Failover {
    private static let valueBytes = 64
    /// A key beyond those that are loaded.
    private static let probe = "fluxon-benchmark/probe"
    private static let patience = Duration.seconds(60)

    static func run(keys: Int) async throws {
        let folder = "/tmp/fluxon-benchmark-\(getpid())"
        try File.makeDirectories(folder)
        let cluster = try await DevCluster(owners: 2, poolBytes: max(64 << 20, keys * 512 + (64 << 20)), workFolder: folder)
        defer {
            cluster.stop()
            try? FileManager.default.removeItem(atPath: folder)
        }
        let stores = try await cluster.connect()
        guard let peer = stores.peer else { return }
        let start = BootClock.now
        async let first: Void = ManyKeys.put(0..<keys / 2, stores.store, bytes: valueBytes)
        try await ManyKeys.put(keys / 2..<keys, peer, bytes: valueBytes)
        try await first
        let loading = milliseconds(since: start) / 1000

        let figures = try await kill(cluster, folder, local: stores.store, remoteKey: ManyKeys.name(keys - 1))
        var members: [(name: String, value: JSONValue)] = [
            ("case", .string("failover")), ("keys", .integer(Int64(keys))),
            ("load_keys_per_s", .number((Double(keys) / loading).rounded())),
        ]
        for (name, value) in figures { members.append((name, .number(value.rounded()))) }
        Main.line(Footprint.json(members))
        stores.store.close()
        peer.close()
    }

    private static func kill(
        _ cluster: DevCluster, _ folder: String, local: Store, remoteKey: String
    ) async throws -> [(name: String, value: Double)] {
        let output = try File.open("\(folder)/log/master-again.log", .create)
        let master = try cluster.first("master")
        let killed = BootClock.now
        Glibc.kill(master.processID, SIGKILL)
        let successor = try ChildProcess(
            executable: "\(try DevCluster.executableFolder())/fluxon-master",
            arguments: ["--config", "\(folder)/config/\(master.instanceKey).yaml"], environment: [:], output: output)
        defer {
            try? successor.process.signal(SIGTERM)
            _ = try? Kernel.waitReadable([successor.process.descriptor.number], timeout: .seconds(10))
            _ = try? successor.reap()
        }
        async let pause = longestLocalPause(local)
        async let put = elapsed(from: killed) { try await local.put(probe, [1], timeout: patience) }
        async let get = elapsed(from: killed) {
            guard try await local.get(remoteKey, timeout: patience) != nil else { throw BenchmarkFailure("\(remoteKey) is gone") }
        }
        return [("remote_get_ms", try await get), ("put_ms", try await put), ("local_get_pause_ms", try await pause)]
    }

    private static func elapsed(from start: BootInstant, _ body: () async throws -> Void) async throws -> Double {
        try await body()
        return milliseconds(since: start)
    }

    /// Until gets have been held up once and answered again; leases end within seconds of the kill.
    private static func longestLocalPause(_ store: Store) async throws -> Double {
        var longest = 0.0
        let end = BootClock.now.advanced(by: .seconds(12))
        while BootClock.now < end {
            let before = BootClock.now
            guard try await store.get(ManyKeys.name(0), timeout: patience) != nil else { throw BenchmarkFailure("a local value is gone") }
            longest = max(longest, milliseconds(since: before))
            try await Task.sleep(for: .milliseconds(1))
        }
        return longest
    }

    private static func milliseconds(since start: BootInstant) -> Double { Double(BootClock.now.nanoseconds - start.nanoseconds) / 1e6 }
}
