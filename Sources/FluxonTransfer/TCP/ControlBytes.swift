/// The bytes of a response that are not payload: its head, and the checksums of the chunks that one system call can reach.
final class ControlBytes {
    // SAFETY: allocated here, freed with this object; the slices that it lends are used while it lives, by the one loop.
    private let bytes: UnsafeMutableRawBufferPointer
    private let trailers: Int

    /// - Parameter trailers: Chunks whose checksums are kept at a time; the one of chunk n takes the place of n - `trailers`.
    init(trailers: Int) {
        self.trailers = trailers
        bytes = .allocate(byteCount: Frames.responseBytes + trailers * Frames.trailerBytes, alignment: 8)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { bytes.deallocate() }

    var headBytes: [UInt8] { Array(bytes[..<Frames.responseBytes]) }

    func head(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: bytes[range]) }

    func setHead(_ head: [UInt8]) {
        bytes.copyBytes(from: head.prefix(Frames.responseBytes))
    }

    func trailer(of chunk: Int, _ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        let start = offset(of: chunk)
        return UnsafeMutableRawBufferPointer(rebasing: bytes[start + range.lowerBound..<start + range.upperBound])
    }

    func checksum(of chunk: Int) -> UInt32 {
        UInt32(littleEndian: bytes.load(fromByteOffset: offset(of: chunk), as: UInt32.self))
    }

    func setChecksum(_ checksum: UInt32, of chunk: Int) {
        bytes.storeBytes(of: checksum.littleEndian, toByteOffset: offset(of: chunk), as: UInt32.self)
    }

    private func offset(of chunk: Int) -> Int { Frames.responseBytes + chunk % trailers * Frames.trailerBytes }
}
