/// One side of the ordered, exactly-once message sequence between an owner and a master (CONSISTENCY L1), without I/O.
///
///     enqueue ─▶ outgoing ──frame──▶ sent on this connection ──acknowledge──▶ forgotten
///                   ▲                        │
///                   └──────reconnected───────┘      what the peer has not processed is sent again, under the same numbers
///
/// A session starts with a fresh endpoint on both sides; its first message has number 1. The owner of this struct ends the session
/// when `enqueue` reports a full backlog or `accept` an impossible frame.
///
/// What runs for every message is specialized: else owner and master would ask the runtime each time what a message is.
package struct LinkEndpoint<Message: Hashable & Sendable>: Sendable {
    package enum Violation: Error, Equatable {
        /// A frame starts behind a gap: messages between were lost, which the connection below never does.
        case gap(expected: UInt64, first: UInt64)
        /// The peer acknowledges what was never sent.
        case acknowledgesUnsent(UInt64)
    }

    /// Unacknowledged messages from `head` on; the ones before are forgotten.
    private var outgoing: [Message] = []
    private var head = 0
    /// Number of `outgoing[head]`.
    private var firstNumber: UInt64 = 1
    /// How many from `head` on were sent on the present connection.
    private var sentCount = 0
    private let limit: Int

    /// Number of the last message of the peer that was processed.
    package private(set) var received: UInt64 = 0
    private var acknowledgedOnWire: UInt64 = 0

    /// - Parameter limit: Unacknowledged messages beyond which the session ends.
    package init(limit: Int) {
        self.limit = limit
    }

    /// The peer has the same limit, and must not come near it for want of an acknowledgement.
    private var acknowledgementDelay: Int { min(Limits.acknowledgementDelay, max(limit / 4, 1)) }

    package var backlog: Int { outgoing.count - head }
    package var unsent: Int { backlog - sentCount }
    package var isOverLimit: Bool { backlog > limit }

    /// Number of the last message that was enqueued: what a grant names as its barrier.
    package var lastEnqueued: UInt64 { firstNumber + UInt64(backlog) - 1 }

    /// Number of the last message that the peer is known to have processed.
    package var acknowledged: UInt64 { firstNumber - 1 }

    @specialized(where Message == OwnerMessage)
    @specialized(where Message == MasterMessage)
    package mutating func enqueue(_ message: Message) {
        outgoing.append(message)
    }

    /// Messages that were not sent on this connection yet, with an acknowledgement. Nil when there are none, unless the peer keeps many
    /// messages for want of one: an acknowledgement frees its memory and nothing else, so it waits for a message or a heartbeat.
    ///
    /// - Parameter peerWaits: The peer goes on only when what it sent is acknowledged: every acknowledgement is a frame, if need be.
    @specialized(where Message == OwnerMessage, Control == OwnerControl)
    @specialized(where Message == MasterMessage, Control == MasterControl)
    package mutating func takeFrame<Control>(
        term: UInt64, session: UInt64, maximumMessages: Int, peerWaits: Bool = false
    ) -> LinkFrame<Message, Control>? {
        let delay = peerWaits ? 1 : acknowledgementDelay
        guard unsent > 0 || received - acknowledgedOnWire >= UInt64(delay) else { return nil }
        var frame = LinkFrame<Message, Control>(term: term, session: session)
        let start = head + sentCount
        let count = min(unsent, maximumMessages, Limits.linkFrameMessages)
        frame.first = firstNumber + UInt64(sentCount)
        frame.messages = Array(outgoing[start..<start + count])
        frame.acknowledged = received
        sentCount += count
        acknowledgedOnWire = received
        return frame
    }

    /// How many messages at the front of a frame are repetitions. The caller processes the others in its present turn.
    package mutating func accept(first: UInt64, count: Int) throws(Violation) -> Int {
        guard count > 0 else { return 0 }
        guard first > 0, first <= received + 1 else { throw .gap(expected: received + 1, first: first) }
        let repeated = received + 1 - first
        guard repeated < UInt64(count) else { return count }
        received += UInt64(count) - repeated
        return Int(repeated)
    }

    /// The peer has processed everything up to `number`.
    @specialized(where Message == OwnerMessage)
    @specialized(where Message == MasterMessage)
    package mutating func acknowledge(_ number: UInt64) throws(Violation) {
        guard number >= firstNumber else { return }
        let count = number - firstNumber + 1
        guard count <= UInt64(backlog) else { throw .acknowledgesUnsent(number) }
        head += Int(count)
        firstNumber += count
        sentCount = max(0, sentCount - Int(count))
        if head > 64, head * 2 > outgoing.count {
            outgoing.removeFirst(head)
            head = 0
        }
    }

    /// A new connection carries the same session on: everything unacknowledged is sent again.
    package mutating func reconnected(peerReceived: UInt64) throws(Violation) {
        try acknowledge(peerReceived)
        sentCount = 0
        acknowledgedOnWire = received
    }
}
