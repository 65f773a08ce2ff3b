/// Durations of single operations, kept whole and sorted once at the end: exact percentiles, no bucket error.
package struct LatencyRecorder: Sendable {
    private var nanoseconds: [UInt64] = []

    package init(reserving count: Int = 0) { nanoseconds.reserveCapacity(count) }

    package mutating func record(nanoseconds duration: UInt64) { nanoseconds.append(duration) }

    package mutating func merge(_ other: LatencyRecorder) { nanoseconds.append(contentsOf: other.nanoseconds) }

    package var count: Int { nanoseconds.count }

    /// - Parameter elapsedNanoseconds: Wall time of the whole run, from which operations per second follow.
    /// - Parameter operationsPerSample: How many operations one recorded duration covers (for those too short to time singly).
    package func measurement(
        _ name: String, bytes: Int, threads: Int = 1, inFlight: Int = 1, elapsedNanoseconds: UInt64, operationsPerSample: Int = 1
    ) -> Measurement {
        let sorted = nanoseconds.sorted()
        let perOperation = 1000 * Double(operationsPerSample)
        return Measurement(
            name: name, bytes: bytes, threads: threads, inFlight: inFlight,
            operationsPerSecond: Double(sorted.count * operationsPerSample) / (Double(max(1, elapsedNanoseconds)) / 1e9),
            p50Microseconds: Double(Self.percentile(50, of: sorted)) / perOperation,
            p99Microseconds: Double(Self.percentile(99, of: sorted)) / perOperation)
    }

    /// Nearest rank; 0 for no samples.
    private static func percentile(_ percent: Int, of sorted: [UInt64]) -> UInt64 {
        guard !sorted.isEmpty else { return 0 }
        let rank = (sorted.count * percent + 99) / 100
        return sorted[max(0, min(sorted.count, rank) - 1)]
    }
}
