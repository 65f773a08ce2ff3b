/// Gathers what goes to the other side of a process's socket in one message, and says when that is full: by the limits by which the
/// other side reads it.
package struct LocalFrameWriter: Sendable {
    private var writer = ProtobufWriter(reservingCapacity: 1024)
    private var elementCount = 0

    package init() {}

    package var byteCount: Int { writer.bytes.count }
    /// The message must be taken before anything else is appended.
    package var isFull: Bool { elementCount >= Limits.localFrameElements || byteCount >= Limits.localFrameBytes }

    /// - Parameter request: One that needs no parts (`LocalRequest.forEachPart`).
    package mutating func append(_ request: LocalRequest) {
        request.encode(into: &writer)
        elementCount += 1
    }

    /// - Parameter answer: One that needs no parts (`LocalAnswer.forEachPart`).
    package mutating func append(_ answer: LocalAnswer) {
        answer.encode(into: &writer)
        elementCount += 1
    }

    /// The message with the requests that were appended and these counters of outcomes; nil when there is neither. Empty again.
    ///
    /// - Parameter received: At most `Limits.localFrameElements`; more go with further messages.
    package mutating func takeRequests(received: ArraySlice<UInt64>) -> [UInt8]? {
        writer.packed(received, limit: Limits.localFrameElements, field: 1)
        return take()
    }

    /// The message with the answers that were appended; nil when there are none. Empty again.
    package mutating func takeAnswers() -> [UInt8]? { take() }

    private mutating func take() -> [UInt8]? {
        guard !writer.bytes.isEmpty else { return nil }
        defer { self = LocalFrameWriter() }
        return writer.bytes
    }
}
