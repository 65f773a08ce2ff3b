internal import DequeModule
internal import FluxonSystem

/// A call for asynchronous code, on either side: `send` waits while the peer reads too slowly, `next` slows the peer down while nobody reads.
///
/// May be used from any task; one task at a time reads, one at a time sends.
package final class RPCCall: @unchecked Sendable {
    // SAFETY: all variables are touched on the loop alone; the asynchronous methods go there first.
    private let stream: RPCStream
    private let loop: EventLoop
    private let operation: String
    /// Holds the client for as long as the call is held.
    private let owner: AnyObject?
    private var inbox = Deque<[UInt8]>()
    private var inboxBytes = 0
    private var isInputOver = false
    private var status: RPCStatus?
    private var reader: CheckedContinuation<[UInt8]?, any Error>?
    private var sender: CheckedContinuation<Void, any Error>?
    /// Server: stops the handler's task. On the loop, before the call is handed out.
    var onEnd: (() -> Void)?

    /// Unread bytes at which the peer is slowed down.
    private static let inboxLimit = 1 << 20

    /// On the loop, before the stream's first callback.
    init(_ stream: RPCStream, loop: EventLoop, operation: String = "", owner: AnyObject? = nil) {
        self.owner = owner
        self.stream = stream
        self.loop = loop
        self.operation = operation
        stream.onMessage = { [unowned self] in received($0) }
        stream.onHalfClose = { [unowned self] in inputEnded() }
        stream.onWritable = { [unowned self] in resumeSender(.success(())) }
        // Holds the call until the stream has ended, and no longer.
        stream.onEnd = { self.ended($0) }
    }

    package var path: String { stream.path }
    package var metadata: RPCMetadata { stream.metadata }
    package var peer: String { stream.peer }

    /// The next message; nil when the peer has sent its last. A client's call that ended in another status than `ok` throws it.
    package nonisolated(nonsending) func next() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                onLoop { self.read(continuation) }
            }
        } onCancel: {
            loop.execute { self.stream.cancel() }
        }
    }

    /// Queues a message and waits while too much is queued already.
    package nonisolated(nonsending) func send(_ message: [UInt8]) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                onLoop { self.write(message, continuation) }
            }
        } onCancel: {
            loop.execute { self.stream.cancel() }
        }
    }

    /// Client: no more messages from here.
    package func halfClose() { onLoop { self.stream.halfClose() } }

    /// Ends the call at once on both sides.
    package func cancel() { onLoop { self.stream.cancel() } }

    /// Work on the stream itself, on its loop.
    package func withStream(_ body: @escaping @Sendable (RPCStream) -> Void) { onLoop { body(self.stream) } }

    private func onLoop(_ body: @escaping @Sendable () -> Void) {
        if loop.isCurrent { body() } else { loop.execute(body) }
    }

    // MARK: On the loop

    private func read(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
        if let message = inbox.popFirst() {
            inboxBytes -= message.count
            continuation.resume(returning: message)
            if inboxBytes <= Self.inboxLimit / 2 { stream.resumeReading() }
        } else if let status {
            resume(continuation, status)
        } else if isInputOver {
            continuation.resume(returning: nil)
        } else {
            precondition(reader == nil, "two tasks read one call")
            reader = continuation
        }
    }

    private func resume(_ continuation: CheckedContinuation<[UInt8]?, any Error>, _ status: RPCStatus) {
        if status.isOK { continuation.resume(returning: nil) } else { continuation.resume(throwing: error(status)) }
    }

    private func write(_ message: [UInt8], _ continuation: CheckedContinuation<Void, any Error>) {
        if status == nil { stream.send(message) }
        if let status {
            continuation.resume(throwing: error(status))
        } else if stream.isWritable {
            continuation.resume()
        } else {
            precondition(sender == nil, "two tasks send on one call")
            sender = continuation
        }
    }

    private func received(_ message: [UInt8]) {
        if let reader {
            self.reader = nil
            return reader.resume(returning: message)
        }
        inbox.append(message)
        inboxBytes += message.count
        if inboxBytes >= Self.inboxLimit { stream.pauseReading() }
    }

    private func inputEnded() {
        isInputOver = true
        reader?.resume(returning: nil)
        reader = nil
    }

    private func resumeSender(_ result: Result<Void, any Error>) {
        sender?.resume(with: result)
        sender = nil
    }

    private func ended(_ status: RPCStatus) {
        self.status = status
        if let reader {
            self.reader = nil
            resume(reader, status)
        }
        resumeSender(.failure(error(status)))
        onEnd?()
        onEnd = nil
    }

    private func error(_ status: RPCStatus) -> RPCError {
        RPCError(status, operation: operation.isEmpty ? "call \(stream.path) of \(stream.peer)" : operation)
    }
}
