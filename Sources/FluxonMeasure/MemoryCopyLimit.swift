internal import Glibc

/// The limit beside every figure of the local path: `memcpy` of the same size between two buffers of the same process.
package enum MemoryCopyLimit {
    /// - Parameter duration: How long to measure; at least ten copies are made.
    package static func measure(bytes: Int, duration: Duration = .milliseconds(200)) -> Measurement {
        // SAFETY: both buffers live to the end of this function and hold `bytes` bytes each.
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
        let destination = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
        defer {
            source.deallocate()
            destination.deallocate()
        }
        source.initializeMemory(as: UInt8.self, repeating: 7)
        destination.initializeMemory(as: UInt8.self, repeating: 9)
        // Copies shorter than the clock's own cost are timed in groups.
        let group = bytes >= 64 << 10 ? 1 : 64
        var recorder = LatencyRecorder()
        let clock = ContinuousClock()
        let start = clock.now
        var checksum: UInt8 = 0
        repeat {
            let before = clock.now
            for index in 0..<group {
                source[index % bytes] &+= 1
                destination.copyMemory(from: UnsafeRawBufferPointer(source))
                checksum &+= destination[(index * 64) % bytes]
            }
            recorder.record(nanoseconds: nanoseconds(clock.now - before))
        } while recorder.count < 10 || clock.now - start < duration
        withExtendedLifetime(checksum) {}
        return recorder.measurement(
            "memcpy", bytes: bytes, elapsedNanoseconds: nanoseconds(clock.now - start), operationsPerSample: group)
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        return UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds / 1_000_000_000))
    }
}
