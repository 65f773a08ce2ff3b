internal import FluxonCore
internal import FluxonRPC
internal import FluxonSystem

/// One stream of messages with the owner, over an attached socket. On its loop only.
final class LocalStream {
    /// Bytes of uploads that may wait for the owner to read them.
    static let uploadWindow = 1 << 20
    /// How long the owner may take to see the end of a stream in order.
    private static let closeWait = Duration.seconds(1)

    private let loop: EventLoop
    private let client: RPCClient
    private let stream: RPCStream
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
        client = RPCClient(loop: loop, adopting: first, name: "owner \(socket.answer.ownerName)")
        stream = client.openWithoutDeadline(MethodPath.localSession, waitsForConnection: true)
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
        client.close()
    }

    /// Ends it after what was sent, without a word to `onEnd`; `done` once the owner has read that, or does not in time.
    func close(_ done: @escaping () -> Void) {
        let timer = loop.schedule(after: Self.closeWait) { [client] in client.close() }
        onEnd = { [client] _ in
            timer.cancel()
            client.close()
            done()
        }
        if stream.isEnded { fail(StoreCore.closed) } else { stream.halfClose() }
    }

    private func fail(_ error: FluxonError) {
        let onEnd = onEnd.take()
        guard let onEnd else { return }
        client.close()
        onEnd(error)
    }
}
