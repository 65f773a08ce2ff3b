internal import FluxonCore
internal import FluxonRPC
internal import FluxonSystem

/// One stream of messages with the owner, over an attached socket. On its loop only.
final class LocalStream {
    /// Bytes of uploads that may wait for the owner to read them.
    static let uploadWindow = Limits.localCopyWindowBytes
    /// How long the owner may take to see the end of a stream in order.
    private static let closeWait = Duration.seconds(1)

    private let loop: EventLoop
    private let stream: RPCStream
    /// Ends the connection, and the stream with it.
    private let hangUp: () -> Void
    /// The sidecar's connection, kept open for as long as this process uses what it handed over.
    private let sidecar: Descriptor?
    private var onEnd: ((FluxonError) -> Void)?

    /// - Throws: `.protocolViolation` when the answer lacks its connection.
    init(_ socket: AttachedSocket, loop: EventLoop) throws(FluxonError) {
        let isForwarded = socket.answer.grants.contains(.forwarded)
        guard let first = isForwarded ? socket.takeDescriptor() : socket.takeSocket() else {
            throw FluxonError(.protocolViolation, "the answer to the attach request came without a connection to the owner")
        }
        self.loop = loop
        sidecar = isForwarded ? socket.takeSocket() : nil
        let client = RPCClient(loop: loop, adopting: first, name: "owner \(socket.answer.ownerName)")
        stream = client.openWithoutDeadline(MethodPath.localSession, waitsForConnection: true)
        hangUp = { client.close() }
    }

    /// On no connection: for `OwnerLinkProbe`, which hands it the owner's messages.
    init(probing stream: RPCStream, loop: EventLoop) {
        self.loop = loop
        self.stream = stream
        sidecar = nil
        hangUp = { stream.cancel() }
    }

    func start(
        onAnswers: @escaping (LocalAnswerFrame) -> Void, onWritable: @escaping () -> Void, onEnd: @escaping (FluxonError) -> Void
    ) {
        self.onEnd = onEnd
        stream.onMessage = { [weak self] bytes in
            do {
                onAnswers(try LocalAnswerFrame(decoding: bytes))
            } catch {
                self?.fail(FluxonError(.protocolViolation, "the owner sent what is no fluxon.v1.LocalAnswerFrame", cause: error))
            }
        }
        stream.onWritable = onWritable
        stream.onEnd = { [weak self] status in
            self?.fail(FluxonError(.connectionFailed, "the connection to the owner ended: \(status)", cause: status.cause))
        }
    }

    var queuedBytes: Int { stream.queuedBytes }

    func send(_ bytes: [UInt8]) { stream.send(bytes) }

    /// Ends it at once, without a word to `onEnd`.
    func cancel() {
        onEnd = nil
        hangUp()
    }

    /// Ends it after what was sent, without a word to `onEnd`; `done` once the owner has read that, or does not in time.
    func close(_ done: @escaping () -> Void) {
        let timer = loop.schedule(after: Self.closeWait) { [hangUp] in hangUp() }
        // Nobody else holds this object any more: it holds itself until the end.
        onEnd = { [self] _ in
            timer.cancel()
            hangUp()
            done()
        }
        if stream.isEnded { fail(StoreCore.closed) } else { stream.halfClose() }
    }

    private func fail(_ error: FluxonError) {
        let onEnd = onEnd.take()
        guard let onEnd else { return }
        hangUp()
        onEnd(error)
    }
}
