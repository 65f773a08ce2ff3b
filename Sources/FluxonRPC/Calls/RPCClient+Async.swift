internal import FluxonCore
internal import FluxonSystem

extension RPCClient {
    /// One message out, one in. On the loop it stays there: no hop, no task.
    ///
    /// A call that the server surely did not look at (it drains, or refused the stream) is tried once more.
    package nonisolated(nonsending) func unary(
        _ path: String, _ message: [UInt8], metadata: RPCMetadata = RPCMetadata(), deadline: Duration = RPCClient.defaultDeadline,
        waitsForConnection: Bool = false
    ) async throws(RPCError) -> [UInt8] {
        let start = loop.now
        let first = await attempt(path, message, metadata: metadata, deadline: deadline, waitsForConnection: waitsForConnection)
        guard case .failure(let error) = first, error.isUnprocessed, error.cause == nil, loop.now.since(start) < deadline else {
            return try first.get()
        }
        let rest = deadline - loop.now.since(start)
        return try await attempt(path, message, metadata: metadata, deadline: rest, waitsForConnection: waitsForConnection).get()
    }

    private nonisolated(nonsending) func attempt(
        _ path: String, _ message: [UInt8], metadata: RPCMetadata, deadline: Duration, waitsForConnection: Bool
    ) async -> Result<[UInt8], RPCError> {
        let call = UnaryCall(operation: "call \(path) of \(target)")
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let begin: @Sendable () -> Void = {
                    call.begin(continuation, message) {
                        self.open(path, metadata: metadata, deadline: deadline, waitsForConnection: waitsForConnection)
                    }
                }
                if loop.isCurrent { begin() } else { loop.execute(begin) }
            }
        } onCancel: {
            loop.execute { call.cancel() }
        }
    }

    /// A call of any kind for asynchronous code; `deadline` nil: as long as the connection lives.
    package nonisolated(nonsending) func call(
        _ path: String, metadata: RPCMetadata = RPCMetadata(), deadline: Duration? = RPCClient.defaultDeadline,
        waitsForConnection: Bool = false
    ) async -> RPCCall {
        await withCheckedContinuation { continuation in
            let begin: @Sendable () -> Void = {
                let stream =
                    if let deadline {
                        self.open(path, metadata: metadata, deadline: deadline, waitsForConnection: waitsForConnection)
                    } else {
                        self.openWithoutDeadline(path, metadata: metadata, waitsForConnection: waitsForConnection)
                    }
                continuation.resume(returning: RPCCall(stream, loop: self.loop, operation: "call \(path) of \(self.target)", owner: self))
            }
            if loop.isCurrent { begin() } else { loop.execute(begin) }
        }
    }
}

/// One unary call of the client. On the loop only.
private final class UnaryCall: @unchecked Sendable {
    // SAFETY: both methods run on the loop alone.
    private let operation: String
    private var stream: RPCStream?
    private var answer: [UInt8]?
    private var isCancelled = false

    init(operation: String) { self.operation = operation }

    func begin(
        _ continuation: CheckedContinuation<Result<[UInt8], RPCError>, Never>, _ message: [UInt8], _ open: () -> RPCStream
    ) {
        guard !isCancelled else {
            return continuation.resume(returning: .failure(RPCError(.cancelled, "\(operation): cancelled before it was sent")))
        }
        let stream = open()
        self.stream = stream
        stream.onMessage = { [unowned self] message in
            if answer == nil { answer = message } else { stream.fail(RPCStatus(.internalError, "two answers came to a unary call")) }
        }
        stream.onEnd = { status in
            self.stream = nil
            if status.isOK, let answer = self.answer {
                continuation.resume(returning: .success(answer))
            } else {
                let status = status.isOK ? RPCStatus(.internalError, "no answer came with the status ok") : status
                continuation.resume(returning: .failure(RPCError(status, operation: self.operation)))
            }
        }
        stream.send(message)
        stream.halfClose()
    }

    func cancel() {
        isCancelled = true
        stream?.cancel()
    }
}
