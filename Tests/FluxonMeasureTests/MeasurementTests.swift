import FluxonMeasure
import Testing

@Suite struct MeasurementTests {
    @Test("percentiles are those of the samples, by nearest rank")
    func percentiles() {
        var recorder = LatencyRecorder()
        for value in (1...100).reversed() { recorder.record(nanoseconds: UInt64(value) * 1000) }
        let measurement = recorder.measurement("x", bytes: 1000, elapsedNanoseconds: 1_000_000_000)
        #expect(measurement.p50Microseconds == 50)
        #expect(measurement.p99Microseconds == 99)
        #expect(measurement.operationsPerSecond == 100)
        #expect(measurement.gigabytesPerSecond == 0.0001)
    }

    @Test("a line of JSON has the eight documented fields")
    func json() {
        let measurement = Measurement(
            name: "local put", bytes: 4096, threads: 1, inFlight: 64, operationsPerSecond: 50_000, p50Microseconds: 12.3456,
            p99Microseconds: 0.05)
        #expect(
            measurement.json
                == #"{"case":"local put","bytes":4096,"threads":1,"in_flight":64,"ops_per_s":50000.000,"gb_per_s":0.205,"p50_us":12.346,"p99_us":0.050}"#
        )
    }

    @Test("the memcpy limit measures something")
    func memcpy() {
        let measurement = MemoryCopyLimit.measure(bytes: 4096, duration: .milliseconds(1))
        #expect(measurement.operationsPerSecond > 0)
    }
}
