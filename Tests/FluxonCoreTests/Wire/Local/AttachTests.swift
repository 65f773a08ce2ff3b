import FluxonCore
import Testing

@Suite struct AttachTests {
    @Test("a request is read as it was written, names at their limit included")
    func request() throws {
        let name = String(repeating: "é", count: 127)
        let request = AttachRequest(
            wishes: [.mapping, .writing], resumedSession: 1 << 60, resumedGeneration: 3, clusterName: name, processName: "")
        #expect(request.encoded().count == AttachRequest.byteCount)
        #expect(try AttachRequest(decoding: request.encoded()) == request)
        #expect(try AttachRequest.announcedByteCount(of: Array(request.encoded()[..<8])) == AttachRequest.byteCount)
    }

    @Test("an answer is read as it was written, and a refusal is an error")
    func answer() throws {
        var answer = AttachAnswer()
        answer.grants = [.mapping, .resumed]
        answer.descriptorCount = 4
        answer.session = 5
        answer.generation = 6
        answer.epoch = 7
        answer.clock = BootInstant(nanoseconds: 8)
        answer.poolByteCount = 9
        answer.pinWords = 10
        answer.clusterName = "demo"
        answer.ownerName = "owner-1"
        #expect(answer.refusal == nil)
        #expect(try AttachAnswer(decoding: answer.encoded()) == answer)
        let error = FluxonError(.clusterMismatch, "this is cluster demo")
        let refusal = AttachAnswer(refusing: error, clusterName: "demo", ownerName: "owner-1")
        #expect(try AttachAnswer(decoding: refusal.encoded()).refusal?.code == .clusterMismatch)
    }

    @Test("a text too long for its place is cut between characters, and shows it")
    func cut() throws {
        let error = FluxonError(.system, String(repeating: "é", count: 300))
        let answer = AttachAnswer(refusing: error, clusterName: "", ownerName: "")
        #expect(try AttachAnswer(decoding: answer.encoded()).message == String(repeating: "é", count: 198) + "…")
    }

    @Test("a handshake of a newer version may be longer")
    func longer() throws {
        let request = AttachRequest(version: 2, wishes: .mapping, clusterName: "demo", processName: "p")
        #expect(try AttachRequest(decoding: request.encoded() + [1, 2, 3]) == request)
    }

    @Test("no damaged handshake traps, and foreign bytes are refused")
    func damage() {
        let bytes = AttachRequest(wishes: .mapping, clusterName: "demo", processName: "p").encoded()
        for count in bytes.indices { #expect(throws: AttachError.self) { try AttachRequest(decoding: Array(bytes[..<count])) } }
        var absurd = bytes
        absurd[7] = 0x7F
        #expect(throws: AttachError.self) { try AttachRequest.announcedByteCount(of: absurd) }
        absurd = bytes
        absurd[33] = 0xFF
        #expect(throws: AttachError.self) { try AttachRequest(decoding: absurd) }
        #expect(throws: AttachError.self) { try AttachAnswer(decoding: Array("PRI * HTTP/2.0".utf8)) }
    }
}
