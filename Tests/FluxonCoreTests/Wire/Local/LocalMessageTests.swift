import FluxonCore
import Testing

@Suite struct LocalMessageTests {
    static let extent = LocalExtent(offset: 1 << 33, capacity: 4096)
    static let version = Version(term: 7, sequence: 1 << 40)
    static let requests: [LocalRequest] = [
        LocalRequest(id: 1, timeoutMicroseconds: 30_000_000, body: .reserve(byteCount: 4096, count: 64)),
        LocalRequest(
            id: 2, timeoutMicroseconds: 5,
            body: .commit(.init(counter: 9, key: [0, 255], extent: extent, length: 4000, condition: .version(version)))),
        LocalRequest(id: 3, body: .commit(.init(counter: 10, key: [1], extent: extent, length: 0, condition: .absent))),
        LocalRequest(id: 4, body: .remove(.init(counter: 11, key: Array("key".utf8), condition: .present))),
        LocalRequest(id: 5, body: .get(.init(key: [7], isLocal: true, isCopied: false))),
        LocalRequest(id: 6, body: .get(.init(key: [7], isLocal: false, isCopied: true))),
        LocalRequest(id: 7, body: .inspect(key: [7])),
        LocalRequest(id: 8, body: .confirm(pinned: true, pinWords: 0)),
        LocalRequest(id: 9, body: .confirm(pinned: false, pinWords: 512)),
        LocalRequest(id: 10, body: .cancel),
        LocalRequest(id: 11, body: .giveBack([extent, extent])),
        LocalRequest(id: 12, body: .unmapped([])),
        LocalRequest(
            id: 13,
            body: .upload(
                .init(
                    counter: 12, key: [1], length: 10, offset: 5, bytes: [UInt8](repeating: 3, count: 300), condition: .none))),
        LocalRequest(id: 0, body: .leave),
    ]
    static let answers: [LocalAnswer] = [
        LocalAnswer(id: 1, body: .granted(.init(extents: [extent], spans: [LocalExtent(offset: 0, capacity: 1 << 21)]))),
        LocalAnswer(id: 2, body: .outcome(.init(counter: 9, result: .committed(version), refill: .init(extents: [extent])))),
        LocalAnswer(id: 3, body: .outcome(.init(counter: 10, result: .conditionFailed(nil)))),
        LocalAnswer(id: 3, body: .outcome(.init(counter: 10, result: .conditionFailed(version)))),
        LocalAnswer(id: 4, body: .outcome(.init(counter: 11, result: .failed(code: 7, message: "the owner went away")))),
        LocalAnswer(
            id: 5,
            body: .handover(
                .init(entry: 3, entryGeneration: 4, epoch: 5, extent: extent, length: 6, version: version))),
        LocalAnswer(id: 6, body: .part(.init(version: version, length: 3, offset: 0, bytes: [1, 2, 3]))),
        LocalAnswer(id: 7, body: .absent),
        LocalAnswer(id: 8, body: .described(length: 0, version: version)),
        LocalAnswer(id: 9, body: .failed(code: 5, message: "é")),
        LocalAnswer(id: 0, body: .recall([extent])),
        LocalAnswer(id: 0, body: .pinWords(512)),
    ]

    @Test("every request is read as it was written")
    func requests() throws {
        let frame = LocalRequestFrame(received: [1, 300, .max], requests: Self.requests)
        #expect(try LocalRequestFrame(decoding: frame.encoded()) == frame)
    }

    @Test("every answer is read as it was written")
    func answers() throws {
        let frame = LocalAnswerFrame(answers: Self.answers)
        #expect(try LocalAnswerFrame(decoding: frame.encoded()) == frame)
    }

    @Test("no prefix and no changed byte of a message traps")
    func damage() {
        for bytes in [
            LocalRequestFrame(received: [1], requests: Self.requests).encoded(), LocalAnswerFrame(answers: Self.answers).encoded(),
        ] {
            for count in bytes.indices {
                _ = try? LocalRequestFrame(decoding: Array(bytes[..<count]))
                _ = try? LocalAnswerFrame(decoding: Array(bytes[..<count]))
            }
            for index in bytes.indices {
                for bit in 0..<8 {
                    var damaged = bytes
                    damaged[index] ^= 1 << UInt8(bit)
                    _ = try? LocalRequestFrame(decoding: damaged)
                    _ = try? LocalAnswerFrame(decoding: damaged)
                }
            }
        }
    }

    @Test("an extent that ends beyond 64 bits and an unknown condition are refused")
    func refused() {
        let extent = LocalExtent(offset: .max, capacity: 1)
        let wrong = LocalRequestFrame(requests: [LocalRequest(id: 1, body: .giveBack([extent]))]).encoded()
        #expect(throws: ProtobufError.self) { try LocalRequestFrame(decoding: wrong) }
        var writer = ProtobufWriter()
        writer.message(field: 2) { $0.message(field: 5) { $0.message(field: 3) { $0.unsigned(9 as UInt64, field: 1) } } }
        #expect(throws: ProtobufError.invalidField(1)) { try LocalRequestFrame(decoding: writer.bytes) }
    }

    @Test("a key beyond its limit is refused by name")
    func longKey() {
        let key = [UInt8](repeating: 1, count: Limits.keyBytes + 1)
        let bytes = LocalRequestFrame(requests: [LocalRequest(id: 1, body: .inspect(key: key))]).encoded()
        #expect(throws: ProtobufError.tooLong(field: 1, byteCount: key.count, limit: Limits.keyBytes)) {
            try LocalRequestFrame(decoding: bytes)
        }
    }

    @Test("what a newer side adds is passed over")
    func unknownFields() throws {
        var writer = ProtobufWriter()
        writer.message(field: 2) { request in
            request.unsigned(5 as UInt64, field: 1)
            request.string("later", limit: 99, field: 99)
        }
        writer.unsigned(1 as UInt64, field: 50)
        let frame = LocalRequestFrame(requests: [LocalRequest(id: 1, body: .cancel)])
        #expect(try LocalRequestFrame(decoding: writer.bytes + frame.encoded()) == frame)
    }
}
