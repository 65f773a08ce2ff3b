import Testing

@testable import FluxonTransfer

@Suite struct ChecksumTests {
    static let vectors: [(bytes: [UInt8], expected: UInt32)] = [
        ([], 0),
        (Array("123456789".utf8), 0xe306_9283),
        // RFC 3720, B.4
        ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
        ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
        (Array(0..<32), 0x46dd_794e),
        (Array((0..<32).reversed()), 0x113f_db5c),
    ]

    @Test("published vectors come out", arguments: vectors)
    func knownVectors(bytes: [UInt8], expected: UInt32) {
        #expect(bytes.withUnsafeBytes { Checksum.crc32c($0) } == expected)
    }

    @Test(
        "every way that this CPU has gives the same, at every length and alignment",
        arguments: [0, 1, 7, 8, 63, 64, 255, 256, 511, 512, 513, 767, 3071, 3072, 3073, 4095, 12_288, 70_001])
    func waysAgree(length: Int) {
        let bytes = (0..<length + 16).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 5) }
        for offset in [0, 1, 3, 8, 15] {
            let results = bytes.withUnsafeBytes { all in
                Checksum.everyWay(UnsafeRawBufferPointer(rebasing: all[offset..<offset + length]), continuing: 0x1234_5678)
            }
            #expect(Set(results.compactMap(\.result)).count == 1, "offset \(offset): \(results)")
        }
    }

    @Test("a checksum taken in parts is the checksum of the whole", arguments: [0, 1, 100, 4096, 9_999])
    func parts(cut: Int) {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        bytes.withUnsafeBytes { all in
            let first = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: all[..<cut]))
            let both = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: all[cut...]), continuing: first)
            #expect(both == Checksum.crc32c(all))
        }
    }
}
