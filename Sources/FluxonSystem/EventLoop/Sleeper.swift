internal import FluxonCore

/// One `sleep`. On the loop only.
final class Sleeper: @unchecked Sendable {
    // SAFETY: both methods are called on the loop alone.
    private var continuation: CheckedContinuation<Void, any Error>?
    private var timer: LoopTimer?
    private var isCancelled = false

    func start(_ continuation: CheckedContinuation<Void, any Error>, deadline: BootInstant, on loop: EventLoop) {
        if isCancelled { return continuation.resume(throwing: CancellationError()) }
        self.continuation = continuation
        timer = loop.schedule(at: deadline) {
            self.continuation?.resume()
            self.continuation = nil
        }
    }

    func cancel() {
        isCancelled = true
        timer?.cancel()
        continuation?.resume(throwing: CancellationError())
        continuation = nil
    }
}
