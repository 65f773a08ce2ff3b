import FluxonCore
import FluxonMeasure
import FluxonSystem
import FluxonTransfer
import Glibc

/// What this process does for a read over RDMA when the device takes no time: `fluxon-benchmarks rdma-cost CASE [READS]` with the stand-in
/// for the verbs preloaded. The line is `case, bytes, in_flight, values, messages, reads, ns_per_value`; callgrind, where it runs, counts
/// what lies between the first value and the last. `scripts/bench --rdma` does both and divides.
enum RDMACost: String, CaseIterable {
    /// One value of 64 KiB after the other: request, answer, one READ, last word.
    case alone
    /// The same with 16 in flight.
    case sixteen = "in-flight"
    /// Values of 1 MiB in READs of 64 KiB: beside `alone` it shows what a READ costs without the messages around it.
    case pieces
    /// `sixteen` with the source in the same loop, where the others have the stand-in answer.
    case ends = "both-ends"

    private static let pieceBytes = 64 << 10
    /// Before anything is counted: tables have grown, and what is done lazily is done.
    private static let warmUp = 512

    private var bytes: Int { self == .pieces ? 16 * Self.pieceBytes : Self.pieceBytes }
    private var inFlight: Int {
        switch self {
        case .alone, .pieces: 1
        case .sixteen, .ends: 16
        }
    }

    static func run(_ arguments: [String]) async throws {
        guard let one = arguments.first.flatMap(RDMACost.init), let values = arguments.count > 1 ? Int(arguments[1]) : 100_000,
            values > 0
        else {
            throw BenchmarkFailure("rdma-cost takes one of \(allCases.map(\.rawValue).joined(separator: ", ")), and a number of values")
        }
        try await one.measure(values)
    }

    private func measure(_ values: Int) async throws {
        let standIn = try VerbsStandIn()
        var limits = TransferLimits()
        limits.readPieceBytes = Self.pieceBytes
        // Both ends on one thread: the stand-in has no locks, and nobody waits to be woken.
        let loop = try EventLoop.started(name: "both")
        let pair = try await TransferPair.overRDMA(
            device: VerbsStandIn.device, bytes: bytes, inFlight: inFlight, limits: limits, loops: (loop, loop))
        // The first has the source answer, which the stand-in then repeats.
        try await run(pair, inFlight)
        if self != .ends { loop.execute { standIn.answersAlone(1) } }
        try await run(pair, Self.warmUp)
        let tickets = try await pair.tickets(values)
        let before = standIn.counts
        loop.execute { standIn.measures(1) }
        let nanoseconds = try await TransferRun(pair, tickets: tickets, time: .seconds(3600)).run().nanoseconds
        loop.execute { standIn.measures(0) }
        loop.execute { standIn.answersAlone(0) }
        let after = standIn.counts
        await pair.close()
        loop.stop()
        report(values, nanoseconds, messages: after.sends - before.sends, reads: after.reads - before.reads)
    }

    private func run(_ pair: TransferPair, _ values: Int) async throws {
        _ = try await TransferRun(pair, tickets: try await pair.tickets(values), time: .seconds(3600)).run()
    }

    private func report(_ values: Int, _ nanoseconds: UInt64, messages: UInt64, reads: UInt64) {
        Main.line(
            Footprint.json([
                ("case", .string(rawValue)), ("bytes", .integer(Int64(bytes))), ("in_flight", .integer(Int64(inFlight))),
                ("values", .integer(Int64(values))), ("messages", .integer(Int64(messages))), ("reads", .integer(Int64(reads))),
                ("ns_per_value", .number((Double(nanoseconds) / Double(values)).rounded())),
            ]))
    }
}

/// The preloaded stand-in, as `Benchmarks/VerbsStandIn/include/CVerbsStandIn.h` declares it.
private struct VerbsStandIn: Sendable {
    struct Counts {
        var sends: UInt64
        var reads: UInt64
    }

    static let device = "standin0"

    let answersAlone: @Sendable @convention(c) (CInt) -> Void
    let measures: @Sendable @convention(c) (CInt) -> Void
    private let sends: @Sendable @convention(c) () -> UInt64
    private let reads: @Sendable @convention(c) () -> UInt64

    init() throws {
        answersAlone = try Self.find("cfluxon_stand_in_answer_alone")
        measures = try Self.find("cfluxon_stand_in_measure")
        sends = try Self.find("cfluxon_stand_in_sends")
        reads = try Self.find("cfluxon_stand_in_reads")
    }

    var counts: Counts { Counts(sends: sends(), reads: reads()) }

    private static func find<Function>(_ name: String, as type: Function.Type = Function.self) throws -> Function {
        guard let found = dlsym(nil, name) else {
            throw BenchmarkFailure("the stand-in is not loaded: LD_PRELOAD=<where this lies>/libCVerbsStandIn.so, or scripts/bench --rdma")
        }
        // SAFETY: the header declares it with this type.
        return unsafeBitCast(found, to: type)
    }
}
