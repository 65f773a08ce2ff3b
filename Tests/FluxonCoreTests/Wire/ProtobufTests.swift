import FluxonCore
import Testing

@Suite struct ProtobufTests {
    @Test("numbers of every length come back", arguments: [0, 1, 127, 128, 300, 1 << 21, 1 << 35, UInt64.max - 1, .max] as [UInt64])
    func numbers(value: UInt64) throws {
        var writer = ProtobufWriter()
        writer.unsigned(value, field: 1)
        writer.fixed64(value, field: 2)
        writer.signed(Int64(bitPattern: value), field: 3)
        var reader = ProtobufReader(writer.bytes)
        var seen: [Int: UInt64] = [:]
        while let field = try reader.next() {
            switch field {
            case 1: seen[1] = try reader.unsigned()
            case 2: seen[2] = try reader.fixed64()
            default: seen[3] = UInt64(bitPattern: try reader.signed())
            }
        }
        #expect(seen == (value == 0 ? [:] : [1: value, 2: value, 3: value]))
    }

    @Test("the bytes are those of the protobuf documentation")
    func documentedBytes() {
        var writer = ProtobufWriter()
        writer.unsigned(150 as UInt64, field: 1)
        writer.string("testing", limit: 99, field: 2)
        writer.message(field: 3) { $0.unsigned(150 as UInt64, field: 1) }
        writer.packed([3, 270, 86942], limit: 9, field: 6)
        let expected: [UInt8] = [
            0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6E, 0x67, 0x1A, 0x03, 0x08, 0x96, 0x01,
            0x32, 0x06, 0x03, 0x8E, 0x02, 0x9E, 0xA7, 0x05,
        ]
        #expect(writer.bytes == expected)
    }

    @Test("nested messages longer than 127 bytes keep their content", arguments: [0, 1, 126, 127, 128, 200, 20_000])
    func nestedLengths(byteCount: Int) throws {
        let payload = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0) }
        var writer = ProtobufWriter()
        writer.message(field: 4) { outer in
            outer.message(field: 5) { $0.bytes(payload, field: 6) }
        }
        writer.unsigned(7 as UInt64, field: 7)
        var reader = ProtobufReader(writer.bytes)
        #expect(try reader.next() == 4)
        var outer = try reader.message()
        #expect(try outer.next() == 5)
        var inner = try outer.message()
        if byteCount > 0 {
            #expect(try inner.next() == 6)
            #expect(try inner.bytes(limit: byteCount) == payload)
        }
        #expect(try inner.next() == nil)
        #expect(try reader.next() == 7)
        #expect(try reader.unsigned() == 7)
    }

    @Test("every cut of a message is an error or a shorter message, never a trap")
    func cuts() {
        var writer = ProtobufWriter()
        writer.unsigned(UInt64.max, field: 1)
        writer.message(field: 2) { $0.string("abc", limit: 9, field: 1) }
        writer.fixed64(9, field: 3)
        for length in 0...writer.bytes.count {
            var reader = ProtobufReader(Array(writer.bytes.prefix(length)))
            do {
                while try reader.next() != nil { try reader.skip() }
            } catch {
                #expect(error == .truncated)
            }
        }
    }

    @Test(
        "malformed bytes are named",
        arguments: [
            ([0x00], ProtobufError.malformedTag(0)),
            ([0x0B], .malformedTag(11)),
            ([0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02], .varintOverflow),
            ([0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .truncated),
            ([0x12, 0x05, 0x01], .truncated),
        ] as [([UInt8], ProtobufError)])
    func malformed(bytes: [UInt8], error: ProtobufError) {
        #expect(throws: error) {
            var reader = ProtobufReader(bytes)
            while try reader.next() != nil { try reader.skip() }
        }
    }

    @Test("limits and kinds are enforced")
    func limits() throws {
        var writer = ProtobufWriter()
        writer.bytes([1, 2, 3], field: 1)
        writer.packed([1, 2, 3], limit: 9, field: 2)
        #expect(throws: ProtobufError.tooLong(field: 1, byteCount: 3, limit: 2)) {
            var reader = ProtobufReader(writer.bytes)
            _ = try reader.next()
            _ = try reader.bytes(limit: 2)
        }
        #expect(throws: ProtobufError.unexpectedWireType(field: 1)) {
            var reader = ProtobufReader(writer.bytes)
            _ = try reader.next()
            _ = try reader.unsigned()
        }
        #expect(throws: ProtobufError.tooMany(field: 2, limit: 2)) {
            var reader = ProtobufReader(writer.bytes)
            _ = try reader.next()
            try reader.skip()
            _ = try reader.next()
            var values: [UInt64] = []
            try reader.appendPacked(to: &values, limit: 2)
        }
    }
}
