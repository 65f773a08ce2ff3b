import FluxonCore
import FluxonPool
import FluxonSystem
import Glibc
import Testing

/// The rules of `PoolStressTests` over real processes: readers map the owner's pages, and one of them is killed while it holds pins.
@Suite(.timeLimit(.minutes(1))) struct PoolProcessTests {
    private static let keys = 64
    /// What the reader that dies has pinned.
    private static let heldKeys = 24

    private let pool: Pool
    private var random = SeededGenerator(seed: 23)
    private var version: UInt64 = 0

    init() throws {
        pool = try Pool(PoolStorage.anonymous(capacityBytes: 1 << 20, hashSeed: 5), epoch: 1)
        pool.setDeadline(BootInstant(nanoseconds: .max - 1))
    }

    @Test("readers of other processes check every byte while the owner overwrites and evicts; the pins of a killed one come back")
    mutating func processes() throws {
        for key in 0..<Self.keys { try overwrite(key) }
        let holder = try ReaderProcess(pool, process: 1, keys: Self.keys, ["hold", "\(Self.heldKeys)"])
        #expect(try holder.line() == "holding")
        let readers = [
            try ReaderProcess(pool, process: 2, keys: Self.keys, ["read", "2500"]),
            try ReaderProcess(pool, process: 3, keys: Self.keys, ["read", "2500"]),
        ]
        for key in 0..<Self.heldKeys { try overwrite(key) }
        try work(for: .seconds(1))
        pool.collect()
        #expect(pool.retiredCount >= Self.heldKeys, "what a living process has pinned stays")

        try holder.child.process.signal(SIGKILL)
        #expect(try holder.ending() == .killed(signal: SIGKILL))
        pool.processDied(1)
        try work(for: .seconds(1))
        // The readers hold one pin each at most.
        pool.collect()
        #expect(pool.retiredCount <= readers.count)

        for (number, reader) in readers.enumerated() {
            let line = try reader.line()
            #expect(line.hasPrefix("fine "), "\(line)")
            #expect((Int(line.dropFirst(5)) ?? 0) > 1_000, "\(line)")
            #expect(try reader.ending() == .exited(code: 0))
            pool.processDied(UInt64(number) + 2)
        }
        pool.collect()
        #expect(pool.retiredCount == 0)
        #expect(pool.statistics.liveExtents == pool.statistics.publishedEntries)
    }

    /// Overwrites and evicts as fast as it can.
    private mutating func work(for duration: Duration) throws {
        let start = BootClock.now
        while BootClock.now.since(start) < duration {
            try overwrite(Int.random(in: 0..<Self.keys, using: &random))
            if version % 16 == 0 { pool.collect() }
            if version % 64 == 0, let victim = pool.evictionCandidate() { try retire(victim) }
        }
    }

    private mutating func overwrite(_ number: Int) throws {
        version += 1
        let key = try Key("object \(number)")
        if let old = pool.find(key) { try retire(old) }
        let words = Int.random(in: 1...(Bool.random(using: &random) ? 64 : 512), using: &random)
        var extent = try? pool.allocate(words * 8, tenant: .owner)
        if extent == nil {
            pool.collect()
            extent = try? pool.allocate(words * 8, tenant: .owner)
        }
        guard let extent, let bytes = pool.bytes(of: extent) else { return }
        for word in 0..<words { bytes.storeBytes(of: version << 8 | UInt64(number), toByteOffset: word * 8, as: UInt64.self) }
        _ = try pool.publish(key, extent: extent, length: UInt64(words * 8), version: Version(term: 1, sequence: version))
    }

    private func retire(_ copy: Copy) throws {
        if let retired = pool.retire(copy.entry) { try pool.release(retired.extent) }
    }
}

/// A `fluxon-pool-reader` over the pool of this process.
private final class ReaderProcess {
    let child: ChildProcess
    private let output: Descriptor
    /// Keeps the descriptors open that the child opens by way of /proc.
    private let attachment: Pool.Attachment

    init(_ pool: Pool, process: UInt64, keys: Int, _ task: [String]) throws {
        attachment = try pool.attach(process: process, canPut: false)
        let pipe = try Descriptor.pipe()
        output = try pipe.first.duplicate()
        let files = [attachment.pool, attachment.pins, attachment.heat].map { "\($0.descriptor)" }
        guard let path = realpath("/proc/self/exe", nil) else { throw SystemError("find the tests' folder", errno: errno) }
        defer { free(path) }
        let products = "/" + String(cString: path).split(separator: "/").dropLast().joined(separator: "/")
        child = try ChildProcess(
            executable: "\(products)/fluxon-pool-reader",
            arguments: ["\(getpid())"] + files + ["\(attachment.grantedPins)", "\(keys)"] + task, environment: [:], output: pipe.second)
    }

    /// The next line of its output; what there is of it when the child ended.
    func line() throws -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while try Kernel.waitReadable([output.number], timeout: .seconds(30))[0], read(output.number, &byte, 1) == 1,
            byte != UInt8(ascii: "\n")
        {
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func ending() throws -> ChildProcess.Ending? {
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(30))
        return try child.reap()
    }
}
