import Fluxon
import FluxonCore
import FluxonMeasure
import FluxonSystem

/// Clients in processes of their own: this executable, started again with `client`.
enum ClientProcess {
    private static let timing = CaseTiming(duration: .seconds(1), warmUp: 16)
    private static let startLimit = Duration.seconds(30)
    private static let inFlight = 16

    /// Runs the case in so many processes at a time. Operations are added, percentiles are the worst process's.
    static func measure(_ wanted: MeasuredCase, bytes: Int, processes: Int, socket: String) async throws -> Measurement {
        let executable = "\(try DevCluster.executableFolder())/fluxon-benchmarks"
        // All begin together, when the slowest of them is attached.
        let begin = BootClock.now.advanced(by: .milliseconds(500 + 100 * processes))
        var running: [Running] = []
        for number in 0..<processes {
            let output = try File.inMemory(name: "fluxon-benchmark-client")
            let arguments = ["client", socket, wanted.rawValue, "\(bytes)", "\(number)", "\(begin.nanoseconds)"]
            running.append(
                Running(
                    child: try ChildProcess(executable: executable, arguments: arguments, environment: [:], output: output),
                    output: output))
        }
        var figures: [JSONValue] = []
        for one in running {
            guard try Kernel.waitReadable([one.child.process.descriptor.number], timeout: startLimit)[0] else {
                throw BenchmarkFailure("a client did not end within \(startLimit)")
            }
            _ = try one.child.reap()
            let text = try File.readAll("/proc/self/fd/\(one.output.number)", limit: 1 << 16)
            guard let json = try? JSONValue(parsing: text) else {
                throw BenchmarkFailure("a client failed: \(String(decoding: text, as: UTF8.self))")
            }
            figures.append(json)
        }
        func numbers(_ name: String) -> [Double] { figures.compactMap { $0[name]?.double } }
        return Measurement(
            name: wanted.rawValue, bytes: bytes, threads: processes, inFlight: wanted == .localPut ? inFlight : 1,
            operationsPerSecond: numbers("ops_per_s").reduce(0, +), p50Microseconds: numbers("p50_us").max() ?? 0,
            p99Microseconds: numbers("p99_us").max() ?? 0)
    }

    /// One that runs and what it prints.
    private final class Running {
        let child: ChildProcess
        let output: Descriptor

        init(child: consuming ChildProcess, output: consuming Descriptor) {
            self.child = child
            self.output = output
        }
    }

    /// `client SOCKET CASE BYTES NUMBER BEGIN`: the other side of `measure`.
    static func run(_ words: [String]) async throws {
        guard words.count == 5, let wanted = MeasuredCase(rawValue: words[1]), let bytes = Int(words[2]), let begin = UInt64(words[4])
        else {
            throw BenchmarkFailure("client SOCKET CASE BYTES NUMBER BEGIN")
        }
        let store = try await Store.connect(to: words[0])
        let cases = StoreCases(store: store, timing: timing, prefix: "fluxon-bench/\(words[3])")
        try await Task.sleep(for: BootInstant(nanoseconds: begin).since(BootClock.now))
        switch wanted {
        case .localPut: Main.report(try await cases.localPut(bytes: bytes, inFlight: inFlight))
        default: Main.report(try await cases.localGetZeroCopy(bytes: bytes))
        }
        store.close()
    }
}
