import FluxonCore
import FluxonMeasure
import FluxonSystem
import FluxonTransfer
import Glibc

/// Transfers between two owners of this process through one RDMA device of this machine, which sends to itself: a line for each size.
enum RDMACases {
    private static let sizes = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 64 << 20]
    private static let measuringTime = Duration.seconds(1)
    /// In flight with 64 MiB each more would be memory, not speed.
    private static let memoryBudget = 512 << 20

    /// - Parameter arguments: A device, else the first that can be used is taken; numbers are sizes.
    static func run(_ arguments: ArraySlice<String>) async throws {
        let chosen = arguments.compactMap { Int($0) }
        let found = try await devices()
        guard let device = arguments.first(where: { Int($0) == nil }) ?? found.first(where: { $0.state != .unusable })?.name else {
            let reasons = found.map { "\($0.name): \($0.reason)" }.joined(separator: "; ")
            return note("nothing to measure: \(found.isEmpty ? "this machine has no RDMA device" : reasons)")
        }
        if isSoftware(device) { note("\(device) is done in software, by this machine's processor: only correctness is claimed") }
        for bytes in chosen.isEmpty ? sizes : chosen {
            for inFlight in [1, min(16, max(1, memoryBudget / bytes))] { try await measure(device, bytes: bytes, inFlight: inFlight) }
        }
    }

    private static func devices() async throws -> [NetworkAnswer.Device] {
        let loop = try EventLoop.started(name: "devices")
        defer { loop.stop() }
        let actor = TransferActor(
            loop: loop, cluster: "benchmark", owner: Asker(instance: InstanceKey("reader"), generation: Generation(1)))
        let found = try await actor.devices()
        await actor.close()
        return found
    }

    private static func measure(_ device: String, bytes: Int, inFlight: Int) async throws {
        let loops = (holder: try EventLoop.started(name: "holder"), reader: try EventLoop.started(name: "reader"))
        var limits = TransferLimits()
        // A device done in software, in an emulated machine, takes its time.
        limits.connectPatience = .seconds(5)
        let pair = try await TransferPair.overRDMA(device: device, bytes: bytes, inFlight: inFlight, limits: limits, loops: loops)
        // The connection is made before the clock runs, and what a few take tells how many tickets are needed.
        _ = try await TransferRun(pair, tickets: try await pair.tickets(inFlight), time: measuringTime).run()
        let few = try await TransferRun(pair, tickets: try await pair.tickets(2 * inFlight), time: measuringTime).run()
        let perSecond = Double(few.recorder.count) / (Double(max(1, few.nanoseconds)) / 1e9)
        let run = TransferRun(pair, tickets: try await pair.tickets(2 * Int(perSecond) + 2 * inFlight), time: measuringTime)
        let measurement = try await run.measure("transfer rdma \(device)", threads: 2)
        guard pair.isRight else { throw BenchmarkFailure("\(device) brought other bytes than the source has, in values of \(bytes)") }
        await pair.close()
        loops.reader.stop()
        loops.holder.stop()
        Main.report(measurement)
    }

    /// Soft-RoCE, Soft-iWARP: no hardware is behind the device.
    private static func isSoftware(_ device: String) -> Bool {
        device.hasPrefix("rxe") || device.hasPrefix("siw") || access("/sys/class/infiniband/\(device)/device", F_OK) != 0
    }

    private static func note(_ text: String) {
        Main.line(Footprint.json([("case", .string("transfer rdma")), ("note", .string(text))]))
    }
}

extension TransferActor {
    fileprivate func devices() throws -> [NetworkAnswer.Device] {
        var problem: String?
        let hasAny = try openRDMA(RDMAMemory([]), choose: { $0 }) { if $0.isProblem { problem = "\($0)" } }
        if !hasAny, let problem { throw BenchmarkFailure(problem) }
        return networkAnswer().devices
    }
}
