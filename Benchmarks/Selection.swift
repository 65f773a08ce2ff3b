import Fluxon
import FluxonMeasure

/// Which cases run, and at which sizes.
struct Selection {
    /// Cases of single mechanisms, which need no cluster.
    private static let mechanisms: [(name: String, run: @Sendable (_ bytes: Int) async throws -> Void)] = [
        ("rpc unary async", unaryCalls),
        ("pool get", { try LocalGetCases.run(bytes: $0) }),
        ("pool overwrite", { try PoolOwnerCases.run(bytes: $0) }),
        ("transfer tcp", transferCases),
    ]

    static var names: [String] { MeasuredCase.allCases.map(\.rawValue) + mechanisms.map(\.name) + [RandomReadCases.name] }

    private let words: [String]
    private let sizes: [Int]
    private let timing = CaseTiming(duration: .milliseconds(500), warmUp: 16)

    init(_ arguments: ArraySlice<String>) throws {
        words = arguments.filter { Int($0) == nil }
        let numbers = arguments.compactMap { Int($0) }
        sizes = numbers.isEmpty ? MeasuredCase.sizes : numbers
        for word in words where !Self.names.contains(where: { $0.contains(word) }) {
            throw BenchmarkFailure("no case has '\(word)' in its name; --list tells the names")
        }
        for size in sizes where size < 1 { throw BenchmarkFailure("\(size) is no size: a number of bytes, from 1") }
    }

    private func isWanted(_ name: String) -> Bool { words.isEmpty || words.contains { name.contains($0) } }

    func run() async throws {
        let shared = MeasuredCase.allCases.filter { isWanted($0.rawValue) }
        let cluster = shared.contains(where: \.usesStore) ? try await DevCluster(owners: 2) : nil
        defer { cluster?.stop() }
        let stores = try await cluster?.connect()
        for one in shared {
            for bytes in sizes {
                for measurement in try await one.measure(bytes: bytes, timing: timing, stores: stores) { Main.report(measurement) }
            }
        }
        stores?.store.close()
        stores?.peer?.close()
        for mechanism in Self.mechanisms where isWanted(mechanism.name) {
            for bytes in sizes { try await mechanism.run(bytes) }
        }
        if isWanted(RandomReadCases.name) { try RandomReadCases.run() }
    }
}

/// Calls of tasks instead of callbacks, with as many in flight as `rpc unary` has.
private func unaryCalls(_ bytes: Int) async throws {
    for inFlight in [1, 64] {
        Main.report(try await UnaryCallCase.measure(bytes: bytes, inFlight: inFlight, timing: CaseTiming(), style: .tasks))
    }
}

/// Why nothing was measured, and what to do.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
