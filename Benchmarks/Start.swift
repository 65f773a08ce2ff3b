import Fluxon
import FluxonCore
import FluxonSystem

/// How long a cluster with large pools takes to start, and a process to attach: the lines are `case, pool_bytes, seconds, gb_per_s`
/// (beside what touching as much memory takes this machine) and `case, pool_bytes, p50_ms, worst_ms`.
enum Start {
    private static let attempts = 21

    static func run(poolBytes: Int) async throws {
        for (name, seconds) in [
            ("touch memory", try touchSeconds(poolBytes)), ("touch memory in large pages", try touchLargePagesSeconds(poolBytes)),
        ] { Main.line(line(name, poolBytes, [("seconds", seconds), ("gb_per_s", Double(poolBytes) / seconds / 1e9)])) }
        let start = BootClock.now
        let cluster = try await DevCluster(owners: 1, poolBytes: poolBytes)
        defer { cluster.stop() }
        let seconds = Double(BootClock.now.nanoseconds - start.nanoseconds) / 1e9
        Main.line(line("cold start", poolBytes, [("seconds", seconds), ("gb_per_s", Double(poolBytes) / seconds / 1e9)]))
        for (name, role) in [("attach at the owner", "owner"), ("attach through the external", "external")] {
            guard let socket = try cluster.first(role).socket else { continue }
            for prefaults in [false, true] {
                let times = try await attachTimes(socket, prefaults: prefaults)
                let label = name + (prefaults ? ", all pages touched" : "")
                Main.line(line(label, poolBytes, [("p50_ms", times[times.count / 2]), ("worst_ms", times[times.count - 1])]))
            }
        }
    }

    /// A limit of a cold start: the kernel hands out and clears as much memory, page by page.
    private static func touchSeconds(_ byteCount: Int) throws -> Double {
        let file = try File.inMemory(name: "fluxon-benchmark")
        let start = BootClock.now
        try File.reserve(file, byteCount: UInt64(byteCount))
        return Double(BootClock.now.nanoseconds - start.nanoseconds) / 1e9
    }

    /// The limit where the pool gets large pages, as private memory gets them: in a virtual machine whose free memory goes back to the
    /// host, every large page is fetched from there again.
    private static func touchLargePagesSeconds(_ byteCount: Int) throws -> Double {
        let region = try MappedRegion(anonymous: byteCount)
        try region.advise(.hugePages)
        let start = BootClock.now
        try region.advise(.populateWrite)
        return Double(BootClock.now.nanoseconds - start.nanoseconds) / 1e9
    }

    /// Sorted, in milliseconds. Each store is used once, so that what connects lazily is paid for.
    private static func attachTimes(_ socket: String, prefaults: Bool) async throws -> [Double] {
        var options = Store.Options()
        options.prefaults = prefaults
        var times: [Double] = []
        for _ in 0..<attempts {
            let start = BootClock.now
            let store = try await Store.connect(to: socket, options: options)
            _ = try await store.get("fluxon-benchmark/none", consistency: .local)
            times.append(Double(BootClock.now.nanoseconds - start.nanoseconds) / 1e6)
            store.close()
        }
        return times.sorted()
    }

    private static func line(_ name: String, _ poolBytes: Int, _ figures: [(String, Double)]) -> String {
        Footprint.json(
            [("case", .string(name)), ("pool_bytes", .integer(Int64(poolBytes)))]
                + figures.map { ($0.0, .number(($0.1 * 1000).rounded() / 1000)) })
    }
}
