import FluxonMeasure

/// Runs the cases whose names contain one of the arguments, or all; one line of JSON each, the limits of the same run beside them.
/// A number among the arguments is a size in bytes: only those sizes are measured.
@main struct Main {
    /// One entry per file of cases: what it measures, and how.
    static let groups: [(name: String, run: @Sendable () async throws -> Void)] = [
        ("memcpy", { for bytes in Sizes.all { report(MemoryCopyLimit.measure(bytes: bytes)) } }),
        ("pool get", { try LocalGetCases.run() }),
        ("pool overwrite", { try PoolOwnerCases.run() }),
        ("rpc unary", { try await RPCUnaryCases.run() }),
        ("raw loopback", rawLoopbackCases),
        ("transfer tcp", transferCases),
    ]

    static func main() async throws {
        if CommandLine.arguments.dropFirst().first == "serve-rpc" {
            return try await RPCUnaryCases.serve(CommandLine.arguments.dropFirst(2))
        }
        let wanted = CommandLine.arguments.dropFirst().filter { Int($0) == nil }
        for group in groups where wanted.isEmpty || wanted.contains(where: { group.name.contains($0) }) {
            try await group.run()
        }
    }

    static func report(_ measurement: Measurement) { print(measurement.json) }
}

/// The sizes that every case is measured at.
enum Sizes {
    static let all =
        CommandLine.arguments.dropFirst().contains { Int($0) != nil }
        ? CommandLine.arguments.dropFirst().compactMap { Int($0) } : [1 << 10, 4 << 10, 64 << 10, 1 << 20, 16 << 20]
}
