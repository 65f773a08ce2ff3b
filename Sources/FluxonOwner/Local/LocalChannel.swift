import FluxonCore
import FluxonRPC
import FluxonSystem

/// Answers on their way to one process: gathered over a turn of the loop, sent as one message.
final class LocalChannel {
    /// A process that does not read gets no more copied parts beyond this many bytes, and nothing at all beyond `backlogLimit`.
    static let copyWindow = Limits.localCopyWindowBytes
    static let backlogLimit = Limits.localBacklogBytes

    private let stream: RPCStream
    private let loop: EventLoop
    private var writer = LocalFrameWriter()
    private var isFlushScheduled = false
    private(set) var isOpen = true
    var onRequests: (LocalRequestFrame) -> Void = { _ in }
    var onWritable: () -> Void = {}
    var onEnd: () -> Void = {}
    /// Called before `onEnd` when the process sent what is no message; why.
    var onRefused: (String) -> Void = { _ in }

    init(_ stream: RPCStream, loop: EventLoop) {
        self.stream = stream
        self.loop = loop
    }

    /// Begins to deliver. The channel lives as long as its stream.
    func start() {
        stream.onMessage = { self.receive($0) }
        stream.onHalfClose = { self.close(RPCStatus(.ok, "")) }
        stream.onWritable = { self.onWritable() }
        stream.onEnd = { _ in self.end() }
    }

    /// Bytes that wait for the process to read them.
    var queuedBytes: Int { stream.queuedBytes + writer.byteCount }

    func send(_ answer: LocalAnswer) {
        answer.forEachPart { append($0) }
    }

    private func append(_ answer: LocalAnswer) {
        guard isOpen else { return }
        writer.append(answer)
        if writer.isFull { return flush() }
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.atEndOfTick { self.flush() }
    }

    func close(_ status: RPCStatus) {
        guard isOpen else { return }
        flush()
        stream.finish(status)
        end()
    }

    private func flush() {
        isFlushScheduled = false
        guard isOpen, let message = writer.takeAnswers() else { return }
        stream.send(message)
        if stream.queuedBytes > Self.backlogLimit {
            close(RPCStatus(.resourceExhausted, "this process does not read its answers: \(stream.queuedBytes) bytes wait"))
        }
    }

    private func receive(_ bytes: [UInt8]) {
        do {
            onRequests(try LocalRequestFrame(decoding: bytes))
        } catch {
            let why = "a message of \(bytes.count) bytes is not fluxon.v1.LocalRequestFrame: \(error)"
            onRefused(why)
            close(RPCStatus(.invalidArgument, why))
        }
    }

    private func end() {
        guard isOpen else { return }
        isOpen = false
        // What the handlers hold is let go, so that nothing keeps itself alive.
        onRequests = { _ in }
        onWritable = {}
        onRefused = { _ in }
        let onEnd = onEnd
        self.onEnd = {}
        stream.onMessage = nil
        onEnd()
    }
}
