import Dispatch
import FluxonCore
import FluxonMeasure
import FluxonSystem
import Foundation
import Glibc

/// `fluxon-benchmarks [NAME…] [BYTES…]`: runs the cases whose names contain one of the words, or all; a number is a size in bytes, and then
/// only those sizes are measured. One line of JSON each.
@main struct Main {
    /// Waits itself instead of leaving its thread to libdispatch: callgrind cannot follow that.
    static func main() {
        let isDone = DispatchSemaphore(value: 0)
        Task { @concurrent in
            await runAll()
            isDone.signal()
        }
        isDone.wait()
    }

    private static func runAll() async {
        do {
            try await run(CommandLine.arguments.dropFirst())
        } catch {
            FileHandle.standardError.write(Data("fluxon-benchmarks: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func run(_ arguments: ArraySlice<String>) async throws {
        switch arguments.first {
        case "-h", "--help": print(usage)
        case "--list": for name in Selection.names { print(name) }
        case "serve-rpc": try await serveRPC(at: arguments.dropFirst().first)
        case "floods": try await measureFloods(Array(arguments.dropFirst()))
        case "client": try await ClientProcess.run(Array(arguments.dropFirst()))
        case "growth": for one in try growths(arguments.dropFirst().first) { try await one.run() }
        case "failover": try await Failover.run(keys: arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000_000)
        case "start": try await Start.run(poolBytes: arguments.dropFirst().first.flatMap(ByteSize.parse) ?? 8 << 30)
        case "rdma": try await RDMACases.run(arguments.dropFirst())
        case "rdma-cost": try await RDMACost.run(Array(arguments.dropFirst()))
        case "turns": try await turns(Array(arguments.dropFirst()))
        case "footprint": try await Footprint.run(keys: arguments.dropFirst().first.flatMap { Int($0) } ?? 200_000)
        default: try await Selection(arguments).run()
        }
    }

    private static let usage = """
        usage: fluxon-benchmarks [NAME…] [BYTES…]
               fluxon-benchmarks --list               the names
               fluxon-benchmarks serve-rpc [ADDRESS]  an echo of gRPC messages until stopped, for h2load and the like
               fluxon-benchmarks floods ADDRESS PATH  a lone caller of that server, quiet and beside each kind of flood
               fluxon-benchmarks footprint [KEYS]     what an idle cluster costs, and a key at the master
               fluxon-benchmarks growth [WHAT]        how costs grow: with keys, processes, in-flight, sizes; default: all four
               fluxon-benchmarks failover [KEYS]      the master is killed and started again: until gets and puts work
               fluxon-benchmarks turns [WHAT] [COUNT] the longest turn of a master's loop: lost-owner, owners, presences; default: all
               fluxon-benchmarks start [SIZE]         a cold start with a pool of SIZE (default 8GiB), and attaching to it
               fluxon-benchmarks rdma [DEVICE] [BYTES…]  transfers through an RDMA device, where there is one
               fluxon-benchmarks rdma-cost CASE [VALUES]  what a read over RDMA costs this process: see scripts/bench --rdma

          NAME   only cases whose names contain it, e.g. 'local put'
          BYTES  only these sizes, e.g. 4096

        One line of JSON each: case, bytes, threads, in_flight, ops_per_s, gb_per_s, p50_us, p99_us. The cases `local get`, `local put` and
        `remote get` start a cluster of their own with the executables beside this one.
        """

    private static func turns(_ arguments: [String]) async throws {
        guard let name = arguments.first else {
            for one in Turns.allCases { try await one.run(count: nil) }
            return
        }
        guard let one = Turns(rawValue: name) else {
            throw BenchmarkFailure("no turns of '\(name)'; one of \(Turns.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        try await one.run(count: arguments.dropFirst().first.flatMap { Int($0) })
    }

    private static func growths(_ name: String?) throws -> [Growth] {
        guard let name else { return Growth.allCases }
        guard let one = Growth(rawValue: name) else {
            throw BenchmarkFailure("nothing grows with '\(name)'; one of \(Growth.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return [one]
    }

    /// Prints where it listens and serves until a signal ends it.
    private static func serveRPC(at address: String?) async throws {
        let server = try await EchoServer(on: try address.map(SocketAddress.init(parsing:)) ?? .tcp(host: "127.0.0.1", port: 0))
        line("\(server.address)\(EchoServer.path)")
        while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
    }

    private static func measureFloods(_ words: [String]) async throws {
        guard words.count == 2 else { throw BenchmarkFailure("floods ADDRESS PATH") }
        let server = try SocketAddress(parsing: words[0])
        let timing = CaseTiming(duration: .seconds(2), warmUp: 200)
        for flood in [nil] + Flood.allCases.map(Optional.some) {
            report(try await FloodCase.measure(flood, server: server, path: words[1], timing: timing))
        }
    }

    static func report(_ measurement: FluxonMeasure.Measurement) { line(measurement.json) }

    /// Prints a line at once: a pipe sees it when it is measured.
    static func line(_ text: String) {
        print(text)
        fflush(nil)
    }
}
