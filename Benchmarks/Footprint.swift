import Fluxon
import FluxonCore
import FluxonMeasure
import FluxonSystem
import Glibc

/// What a cluster costs that does nothing, and what the master's memory costs a key: the lines are
/// `case, role, seconds, core_percent` and `case, keys, key_bytes, bytes_per_key`.
enum Footprint {
    private static let idleTime = Duration.seconds(10)
    private static let lanes = ManyKeys.lanes

    static func run(keys: Int) async throws {
        guard keys >= lanes else { throw BenchmarkFailure("\(keys) keys are too few; at least \(lanes)") }
        let cluster = try await DevCluster(owners: 1)
        defer { cluster.stop() }
        let stores = try await cluster.connect()
        try await idle(cluster)
        try await memory(cluster, stores.store, keys: keys)
        stores.store.close()
    }

    private static func idle(_ cluster: DevCluster) async throws {
        // What the start left to do is done by then.
        try await Task.sleep(for: .seconds(2))
        let before = try cluster.members.map(processorTicks)
        try await Task.sleep(for: idleTime)
        let after = try cluster.members.map(processorTicks)
        let seconds = Double(idleTime.components.seconds)
        for (index, member) in cluster.members.enumerated() {
            let percent = Double(after[index] - before[index]) / Double(sysconf(Int32(_SC_CLK_TCK))) / seconds * 100
            Main.line(
                json([
                    ("case", .string("idle")), ("role", .string(member.role)), ("seconds", .number(seconds)),
                    ("core_percent", .number(percent)),
                ]))
        }
    }

    private static func memory(_ cluster: DevCluster, _ store: Store, keys: Int) async throws {
        let master = try cluster.first("master")
        // So that buffers which grow once are not counted among the keys.
        try await ManyKeys.put(0..<lanes, store, bytes: 1)
        let before = try residentBytes(master)
        try await ManyKeys.put(lanes..<keys, store, bytes: 1)
        let grown = max(0, try residentBytes(master) - before)
        let keyBytes = ManyKeys.name(0).utf8.count
        Main.line(
            json([
                ("case", .string("master memory")), ("keys", .integer(Int64(keys))), ("key_bytes", .integer(Int64(keyBytes))),
                ("bytes_per_key", .number((Double(grown) / Double(keys - lanes)).rounded())),
            ]))
    }

    static func json(_ members: [(name: String, value: JSONValue)]) -> String { JSONValue.object(members).text() }

    /// Processor time of all threads since the process began, in ticks: fields 14 and 15 of /proc/PID/stat.
    private static func processorTicks(_ member: DevCluster.Member) throws -> Int {
        let text = String(decoding: try File.readAll("/proc/\(member.processID)/stat", limit: 1 << 16), as: UTF8.self)
        // The second field is the name, which may hold spaces.
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else {
            throw BenchmarkFailure("/proc/\(member.processID)/stat is not what proc(5) says")
        }
        return user + system
    }

    static func residentBytes(_ member: DevCluster.Member) throws -> Int {
        let text = String(decoding: try File.readAll("/proc/\(member.processID)/statm", limit: 1 << 12), as: UTF8.self)
        guard let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw BenchmarkFailure("/proc/\(member.processID)/statm is not what proc(5) says")
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
