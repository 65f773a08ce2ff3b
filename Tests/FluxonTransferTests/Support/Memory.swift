import FluxonTransfer
import Glibc

/// Memory of a test: a source with a pattern that depends on every position, or a destination between two guards.
final class TestMemory: @unchecked Sendable {
    // SAFETY: allocated here, freed with this object; a test touches it only while no transfer does, or on the loop.
    private static let guardBytes = 64
    private static let guardPattern: UInt8 = 0xa5
    private let whole: UnsafeMutableRawBufferPointer
    let bytes: UnsafeMutableRawBufferPointer

    /// - Parameter misalignment: Bytes by which the usable part misses a multiple of 64.
    init(_ count: Int, misalignment: Int = 0) {
        whole = .allocate(byteCount: count + 2 * Self.guardBytes + misalignment, alignment: 64)
        whole.initializeMemory(as: UInt8.self, repeating: Self.guardPattern)
        let start = Self.guardBytes + misalignment
        bytes = UnsafeMutableRawBufferPointer(rebasing: whole[start..<start + count])
    }

    /// Filled with bytes that depend on the seed and, block by block, on their position.
    convenience init(_ count: Int, seed: UInt64) {
        self.init(count)
        let block = 64 << 10
        for index in 0..<min(count, block) { bytes[index] = UInt8(truncatingIfNeeded: (UInt64(index) &+ seed) &* 0x9e37_79b9 >> 13) }
        for start in stride(from: block, to: count, by: block) {
            let part = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(start + block, count)])
            part.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<part.count]))
            part[start / block % part.count] &+= 1
        }
    }

    deinit { whole.deallocate() }

    /// All of it, guards included.
    var everything: UnsafeMutableRawBufferPointer { whole }
    var destination: Destination { Destination(bytes) }
    var source: SourceBytes { SourceBytes(UnsafeRawBufferPointer(bytes)) }

    /// Whether nothing was written before or behind.
    var guardsAreIntact: Bool {
        let front = whole[..<(whole.count - Self.guardBytes - bytes.count)]
        let back = whole[(whole.count - Self.guardBytes)...]
        return front.allSatisfy { $0 == Self.guardPattern } && back.allSatisfy { $0 == Self.guardPattern }
    }

    func matches(_ other: TestMemory, at offset: Int = 0, count: Int) -> Bool {
        guard count > 0, let base = bytes.baseAddress, let otherBase = other.bytes.baseAddress else { return count == 0 }
        return memcmp(base, otherBase + offset, count) == 0
    }

    func fill(_ byte: UInt8) { bytes.initializeMemory(as: UInt8.self, repeating: byte) }
}
