import FluxonCore
import Testing

@Suite struct LinkEndpointTests {
    private typealias Endpoint = LinkEndpoint<OwnerMessage>

    private func frame(_ endpoint: inout Endpoint) -> OwnerFrame? {
        endpoint.takeFrame(term: 1, session: 1, maximumMessages: 100)
    }

    @Test("messages are numbered from 1, sent once per connection, and sent again after a reconnection if nobody processed them")
    func retransmission() throws {
        var sender = Endpoint(limit: 10)
        for number in 1...3 { sender.enqueue(.taken(operation: UInt64(number))) }
        #expect(frame(&sender)?.first == 1)
        #expect(frame(&sender) == nil)
        try sender.acknowledge(1)
        try sender.reconnected(peerReceived: 2)
        let again = frame(&sender)
        #expect(again?.first == 3)
        #expect(again?.messages == [.taken(operation: 3)])
        #expect(sender.lastEnqueued == 3)
    }

    @Test("repeated messages are skipped, a gap is a violation")
    func acceptance() throws {
        var receiver = Endpoint(limit: 10)
        #expect(try receiver.accept(first: 1, count: 3) == 0)
        #expect(try receiver.accept(first: 2, count: 4) == 2)
        #expect(receiver.received == 5)
        #expect(try receiver.accept(first: 1, count: 2) == 2)
        #expect(throws: Endpoint.Violation.gap(expected: 6, first: 7)) { try receiver.accept(first: 7, count: 1) }
        #expect(throws: Endpoint.Violation.gap(expected: 6, first: 0)) { try receiver.accept(first: 0, count: 1) }
    }

    @Test("an acknowledgement goes with the next message, or alone when many wait for it; once")
    func acknowledgement() throws {
        var receiver = Endpoint(limit: 4 * Limits.acknowledgementDelay)
        _ = try receiver.accept(first: 1, count: 2)
        #expect(frame(&receiver) == nil)
        receiver.enqueue(.taken(operation: 1))
        #expect(frame(&receiver)?.acknowledged == 2)
        _ = try receiver.accept(first: 3, count: Limits.acknowledgementDelay - 1)
        #expect(frame(&receiver) == nil)
        _ = try receiver.accept(first: 2 + UInt64(Limits.acknowledgementDelay), count: 1)
        #expect(frame(&receiver)?.acknowledged == 2 + UInt64(Limits.acknowledgementDelay))
        #expect(frame(&receiver) == nil)
    }

    @Test("a peer that acknowledges what was never sent is refused")
    func impossibleAcknowledgement() throws {
        var sender = Endpoint(limit: 10)
        sender.enqueue(.taken(operation: 1))
        #expect(throws: Endpoint.Violation.acknowledgesUnsent(2)) { try sender.acknowledge(2) }
        #expect(throws: Endpoint.Violation.acknowledgesUnsent(.max)) { try sender.acknowledge(.max) }
    }

    @Test("memory of acknowledged messages is given back, and the limit counts the others")
    func backlog() throws {
        var sender = Endpoint(limit: 100)
        for number in 1...10_000 as ClosedRange<UInt64> {
            sender.enqueue(.taken(operation: number))
            _ = frame(&sender)
            if number > 50 { try sender.acknowledge(number - 50) }
        }
        #expect(sender.backlog == 50)
        #expect(!sender.isOverLimit)
        for number in 1...51 as ClosedRange<UInt64> { sender.enqueue(.taken(operation: number)) }
        #expect(sender.isOverLimit)
    }
}
