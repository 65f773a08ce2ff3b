import FluxonSystem
import Glibc
import Testing

@testable import FluxonTransfer

@Suite struct RegisteredMemoryTests {
    /// Addresses alone: nothing touches them.
    static func addresses(_ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: 1 << 40), count: count)
    }

    /// Registers by `allow`, and tells the chunks.
    static func chunks(_ count: Int, atMost largest: Int, allow: (Int, Int) -> Bool) throws(SystemError) -> [Int] {
        var total = 0
        return try RegisteredMemory.inChunks(of: addresses(count), atMost: largest) { part throws(SystemError) in
            guard allow(part.count, total) else { throw SystemError("register", errno: ENOMEM) }
            total += part.count
            return part.count
        }
    }

    @Test(
        "whole where the device takes it, else in halves down to the smallest chunk",
        arguments: [
            (1 << 30, 1 << 40, 1), (1 << 30, 256 << 20, 4), ((1 << 30) + 5, 256 << 20, 5), (1 << 20, 1 << 20, 1), (0, 1, 0),
        ])
    func sizes(count: Int, refusedBeyond: Int, chunks: Int) throws {
        let found = try Self.chunks(count, atMost: .max) { byteCount, _ in byteCount <= refusedBeyond }
        #expect(found.count == chunks)
        #expect(found.reduce(0, +) == count)
    }

    @Test("the device's own limit is not tried beyond")
    func limit() throws {
        var tried: [Int] = []
        _ = try Self.chunks(1 << 30, atMost: 512 << 20) { byteCount, _ in
            tried.append(byteCount)
            return true
        }
        #expect(tried == [512 << 20, 512 << 20])
    }

    @Test("a refusal that is not about the size ends it, with what the device said")
    func refused() {
        #expect(throws: SystemError("register", errno: ENOMEM)) {
            try Self.chunks(1 << 30, atMost: .max) { byteCount, total in byteCount + total <= 300 << 20 }
        }
        #expect(throws: SystemError.self) { try Self.chunks(1 << 30, atMost: .max) { _, _ in false } }
    }

    @Test("nothing registered: no segments")
    func none() {
        #expect(RegisteredMemory().segments(of: UnsafeRawBufferPointer(Self.addresses(10))) == nil)
    }
}
