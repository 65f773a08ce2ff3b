import FluxonEtcd
import Testing

@Suite struct EtcdKeyRangeTests {
    @Test(
        "a prefix range ends at the next string of the same or lesser length",
        arguments: [
            (prefix: [0x61] as [UInt8], end: [0x62] as [UInt8]), ([0x61, 0xFF], [0x62]), ([0xFF, 0xFF], [0]), ([], [0]),
        ])
    func prefixEnd(prefix: [UInt8], end: [UInt8]) {
        #expect(EtcdKeyRange.prefix(prefix).end == end)
    }

    @Test("a range holds its start, not its end; without an end it is one key, with a zero end everything after")
    func contains() {
        let range = EtcdKeyRange(start: [2], end: [4])
        #expect(range.contains([2]) && range.contains([3, 9]) && !range.contains([4]) && !range.contains([1, 9]))
        #expect(EtcdKeyRange.key([2]).contains([2]) && !EtcdKeyRange.key([2]).contains([2, 0]))
        #expect(EtcdKeyRange(start: [2], end: [0]).contains([0xFF]) && !EtcdKeyRange(start: [2], end: [0]).contains([1]))
        #expect(EtcdKeyRange.prefix("a/").contains(Array("a/b".utf8)) && !EtcdKeyRange.prefix("a/").contains(Array("a0".utf8)))
    }
}
