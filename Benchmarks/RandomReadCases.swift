import FluxonCore
import FluxonMeasure
import FluxonSystem

/// What a read at a random place of a pool costs the processor alone, with small pages and with large ones (decision 0003): each read's
/// place depends on the one before, as a get's entry depends on the index.
enum RandomReadCases {
    static let name = "random read"

    private static let byteCount = 512 << 20
    private static let group = 4096
    private static let measured = Duration.milliseconds(500)

    static func run() throws {
        Main.report(try measure("random read, 4 KiB pages") { mapping, file in try file.reserve(0..<mapping.byteCount) })
        Main.report(try measure("random read, 2 MiB pages") { mapping, file in try mapping.reserve(0..<mapping.byteCount, of: file) })
    }

    private static func measure(_ name: String, reserve: (SharedMapping, MemoryFile) throws -> Void) throws -> Measurement {
        let file = try MemoryFile(anonymous: "fluxon-random-read", byteCount: byteCount)
        let mapping = try SharedMapping(file, byteCount: byteCount, writable: true)
        try reserve(mapping, file)
        try mapping.populate(0..<byteCount, writable: true)
        var recorder = LatencyRecorder()
        var place: UInt64 = 88_172_645_463_325_252
        let start = BootClock.now
        var now = start
        repeat {
            let before = now
            for _ in 0..<group {
                place ^= place << 13
                place ^= place >> 7
                place ^= place << 17
                // The bytes are zero, which the processor cannot know before they are there.
                place ^= mapping.base.load(fromByteOffset: Int(place % UInt64(byteCount / 8)) * 8, as: UInt64.self)
            }
            now = BootClock.now
            recorder.record(nanoseconds: now.nanoseconds - before.nanoseconds)
        } while now.since(start) < measured
        return recorder.measurement(
            name, bytes: 8, elapsedNanoseconds: now.nanoseconds - start.nanoseconds, operationsPerSample: group)
    }
}
