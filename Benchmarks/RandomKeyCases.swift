import Fluxon
import FluxonMeasure
import FluxonSystem

/// Operations on random ones of many keys of `ManyKeys`.
struct RandomKeyCases {
    let store: Store
    let keys: Int
    let timing: CaseTiming

    private static let evicted = BenchmarkFailure("keys were evicted while they were measured; enlarge the pool")

    /// Timed in groups: one is shorter than the clock's own cost.
    func localGet() async throws -> Measurement {
        let group = 64
        var recorder = LatencyRecorder(reserving: 1 << 16)
        var random = SystemRandomNumberGenerator()
        // Made beforehand: making a string costs more than a get.
        let names = (0..<1 << 14).map { _ in ManyKeys.name(Int.random(in: 0..<keys, using: &random)) }
        var next = 0
        var found = 0
        let start = BootClock.now
        var before = start
        while before.since(start) < timing.duration {
            for _ in 0..<group {
                if try await store.get(names[next]) != nil { found += 1 }
                next = (next + 1) & (names.count - 1)
            }
            let after = BootClock.now
            recorder.record(nanoseconds: after.nanoseconds - before.nanoseconds)
            before = after
        }
        guard found == recorder.count * group else {
            throw BenchmarkFailure("keys were evicted while they were measured; enlarge the pool")
        }
        return recorder.measurement(
            "local get", bytes: 64, elapsedNanoseconds: before.nanoseconds - start.nanoseconds, operationsPerSample: group)
    }

    /// Overwrites.
    func put(inFlight lanes: Int) async throws -> Measurement {
        let start = BootClock.now
        let recorder = try await withThrowingTaskGroup(of: LatencyRecorder.self) { group in
            for _ in 0..<lanes {
                group.addTask { [self] in
                    var recorder = LatencyRecorder()
                    let content = [UInt8](repeating: 9, count: 64)
                    var before = start
                    while before.since(start) < timing.duration {
                        try await store.put(ManyKeys.name(Int.random(in: 0..<keys)), content)
                        let after = BootClock.now
                        recorder.record(nanoseconds: after.nanoseconds - before.nanoseconds)
                        before = after
                    }
                    return recorder
                }
            }
            return try await group.reduce(into: LatencyRecorder()) { $0.merge($1) }
        }
        let elapsed = BootClock.now.nanoseconds - start.nanoseconds
        return recorder.measurement("local put", bytes: 64, inFlight: lanes, elapsedNanoseconds: elapsed)
    }

    /// Each key once: the first get at an owner that does not have it.
    func firstGets(_ count: Int) async throws -> Measurement {
        var recorder = LatencyRecorder(reserving: count)
        let start = BootClock.now
        var before = start
        for number in 0..<count {
            guard try await store.get(ManyKeys.name(number * (keys / count))) != nil else {
                throw Self.evicted
            }
            let after = BootClock.now
            recorder.record(nanoseconds: after.nanoseconds - before.nanoseconds)
            before = after
        }
        return recorder.measurement("remote get tcp", bytes: 64, elapsedNanoseconds: before.nanoseconds - start.nanoseconds)
    }
}
