import FluxonCore
import Testing

@Suite struct SharedDescriptionTests {
    private let description = SharedDescription(
        clusterName: "demo", subCluster: nil, owner: InstanceKey("owner-1"), epoch: .max, pool: "/dev/shm/f/pool \"quoted\"\u{1}",
        indexSlots: 65536,
        socket: "/run/f/owner.sock", etcdEndpoints: ["http://127.0.0.1:2379"])

    @Test("what was written is read again")
    func roundTrip() throws {
        #expect(try SharedDescription(decoding: description.encoded()) == description)
        var other = description
        other.subCluster = "rack-7"
        #expect(try SharedDescription(decoding: other.encoded()) == other)
    }

    @Test("fields that a newer owner adds are skipped")
    func newerFields() throws {
        let text = String(decoding: description.encoded(), as: UTF8.self).replacing("{\n", with: "{\n  \"more\": [1, {\"deep\": null}],\n")
        #expect(try SharedDescription(decoding: Array(text.utf8)) == description)
    }

    @Test("a version too far away is a clear error, whatever else changed")
    func versions() {
        let neighbour = ProtocolVersion.current + 2
        let expected = SharedDescriptionError.version(theirs: neighbour, ours: ProtocolVersion.current)
        #expect(throws: expected) { try SharedDescription(decoding: Array("{\"protocol_version\": \(neighbour)}".utf8)) }
        #expect(expected.description.contains("update the older"))
    }

    @Test("bytes that no owner wrote are an error and never a trap")
    func hostile() {
        let valid = description.encoded()
        for length in 0..<(valid.count - 2) {
            #expect(throws: SharedDescriptionError.self) { try SharedDescription(decoding: Array(valid.prefix(length))) }
        }
        for index in valid.indices {
            for byte in [UInt8(0), 0xFF, UInt8(ascii: "9"), UInt8(ascii: "{"), UInt8(ascii: "\\")] {
                var bytes = valid
                bytes[index] = byte
                _ = try? SharedDescription(decoding: bytes)
            }
        }
        #expect(throws: SharedDescriptionError.tooLarge(byteCount: 70_000, limit: SharedDescription.maximumBytes)) {
            try SharedDescription(decoding: [UInt8](repeating: 32, count: 70_000))
        }
    }
}
