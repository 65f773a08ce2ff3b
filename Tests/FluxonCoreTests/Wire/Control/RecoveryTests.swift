import FluxonCore
import Testing

@Suite struct RecoveryTests {
    @Test("a request to recover and its answer come back as they were")
    func roundTrip() throws {
        var request = RecoveryRequest()
        #expect(try RecoveryRequest(decoding: request.encoded()) == request)
        request.isConfirmed = true
        request.lost = 3
        #expect(try RecoveryRequest(decoding: request.encoded()) == request)
        var answer = RecoveryAnswer()
        answer.owners = [.init(instance: InstanceKey("a"), isKept: true), .init(instance: InstanceKey("b"), isKept: false)]
        answer.missing = 1
        answer.isDone = true
        #expect(try RecoveryAnswer(decoding: answer.encoded()) == answer)
    }
}
