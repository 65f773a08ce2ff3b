import FluxonCore
import FluxonPool
import FluxonPoolStress
import FluxonSystem
import Glibc
import Testing

/// Readers in processes of their own over the owner's pages: see `StressReader` for what is checked. Some are stopped in the midst of
/// whatever they do, one is killed while it holds pins.
@Suite(.timeLimit(.minutes(1))) struct PoolProcessTests {
    private static let objects = 64
    /// What the reader that dies has pinned.
    private static let heldObjects = 24

    private let pool: Pool
    private let board: StressBoard
    private var owner: StressOwner

    init() throws {
        pool = try Pool(PoolStorage.anonymous(capacityBytes: 1 << 20, hashSeed: 5), epoch: 1)
        board = try StressBoard(objects: Self.objects)
        owner = try StressOwner(pool, board, seed: 23)
    }

    @Test("readers of other processes, some of them stopped at times, check every byte; the pins of a killed one come back")
    mutating func processes() throws {
        let holder = try ReaderProcess(pool, board, process: 1, ["hold", "\(Self.heldObjects)"])
        #expect(try holder.line() == "holding")
        let readers = try (2...4).map { try ReaderProcess(pool, board, process: $0, ["read", "3000"]) }
        for object in 0..<Self.heldObjects { try owner.overwrite(object) }
        try owner.work(for: .seconds(1), stopping: readers, each: .milliseconds(15))
        pool.collect()
        #expect(pool.retiredCount >= Self.heldObjects, "what a living process has pinned stays")

        try holder.child.process.signal(SIGKILL)
        #expect(try holder.ending() == .killed(signal: SIGKILL))
        pool.processDied(1)
        try owner.work(for: .milliseconds(1500), stopping: readers, each: .milliseconds(15))

        for (number, reader) in readers.enumerated() {
            let line = try reader.line()
            #expect(line.hasPrefix("fine "), "\(line)")
            #expect((line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) > 1_000, "\(line)")
            #expect(try reader.ending() == .exited(code: 0))
            pool.processDied(UInt64(number) + 2)
        }
        pool.collect()
        #expect(pool.retiredCount == 0)
        #expect(pool.statistics.liveExtents == pool.statistics.publishedEntries)
    }
}
