package import FluxonCore
package import FluxonSystem

/// Attaches to an owner or a sidecar: connects, sends the request, takes the answer with its descriptors. On its loop only.
package final class AttachConnector {
    private let loop: EventLoop
    private let path: String
    private let request: AttachRequest
    private var socket: Descriptor?
    private var registration: Registration?
    private var timer: LoopTimer?
    private var bytes: [UInt8] = []
    private var descriptors: [ReceivedDescriptors] = []
    private var sentAt = BootInstant.zero
    private var completion: ((Result<AttachedSocket, FluxonError>) -> Void)?

    private init(loop: EventLoop, path: String, request: AttachRequest, completion: @escaping (Result<AttachedSocket, FluxonError>) -> Void)
    {
        self.loop = loop
        self.path = path
        self.request = request
        self.completion = completion
    }

    /// Starts to attach; `completion` runs on the loop, from within this call when it fails at once, and not after `cancel`.
    ///
    /// - Parameter passing: borrowed descriptors to send with the request (a process's pidfd).
    /// - Returns: what `cancel` is called on. The attempt lives on without it.
    @discardableResult
    package static func attach(
        loop: EventLoop, path: String, request: AttachRequest, passing: [CInt] = [], timeout: Duration = Limits.attachTimeout,
        completion: @escaping (Result<AttachedSocket, FluxonError>) -> Void
    ) -> AttachConnector {
        let connector = AttachConnector(loop: loop, path: path, request: request, completion: completion)
        connector.start(passing: passing, timeout: timeout)
        return connector
    }

    package func cancel() {
        completion = nil
        stop()
    }

    private func start(passing: [CInt], timeout: Duration) {
        guard path.utf8.count <= Limits.socketPathBytes else {
            let text =
                "attach to \(path): a socket path has at most \(Limits.socketPathBytes) bytes, this one \(path.utf8.count); use a shorter folder"
            return finish(.failure(FluxonError(.invalidArgument, text)))
        }
        do {
            guard let address = try ResolvedAddress.resolveWithoutNames(.unix(path))?.first else { return }
            // A Unix socket connects at once or not at all.
            let number = try Socket.connect(to: address).descriptor
            socket = Descriptor(owning: number)
            registration = try loop.register(number, .readable) { [self] _ in receive() }
            sentAt = BootClock.now
            let bytes = request.encoded()
            guard try Socket.sendDescriptors(number, passing, with: bytes) == .moved(bytes.count) else {
                throw SystemError("send the attach request", errno: 0, advice: "the socket's buffer is smaller than \(bytes.count) bytes")
            }
        } catch {
            return finish(.failure(unreachable("\(error)")))
        }
        timer = loop.schedule(after: timeout) { [self] in
            finish(.failure(unreachable("no answer within \(timeout): it is stopped or overloaded")))
        }
    }

    private func receive() {
        guard let number = socket?.number else { return }
        do {
            while let wanted = try missingByteCount() {
                guard let received = try Socket.receiveDescriptors(number, byteCount: wanted) else { return }
                guard !received.bytes.isEmpty else {
                    return finish(.failure(unreachable("it closed the connection without an answer: is it an owner or a sidecar?")))
                }
                bytes += received.bytes
                if received.count > 0 { descriptors.append(received) }
            }
            complete(try AttachAnswer(decoding: bytes), receivedAt: BootClock.now)
        } catch {
            finish(
                .failure(
                    FluxonError(.protocolViolation, "attach to \(path): the answer is not that of an owner or a sidecar", cause: error)))
        }
    }

    private func missingByteCount() throws(AttachError) -> Int? {
        guard bytes.count >= AttachRequest.prefixByteCount else { return AttachRequest.prefixByteCount - bytes.count }
        let announced = try AttachRequest.announcedByteCount(of: bytes)
        return bytes.count < announced ? announced - bytes.count : nil
    }

    private func complete(_ answer: AttachAnswer, receivedAt: BootInstant) {
        if let refusal = answer.refusal { return finish(.failure(FluxonError(refusal.code, "attach to \(path): \(refusal.message)"))) }
        guard ProtocolVersion.isSpoken(Int(answer.version)) else {
            let text = "attach to \(path): it speaks protocol version \(answer.version), this process \(ProtocolVersion.current)"
            return finish(.failure(FluxonError(.versionMismatch, text + "; update the older of the two")))
        }
        stopWatching()
        guard let socket = socket.take() else { return }
        let attached = AttachedSocket(
            answer: answer, socket: socket, descriptors: descriptors, isClockShared: sentAt <= answer.clock && answer.clock <= receivedAt)
        guard attached.descriptorCount == Int(answer.descriptorCount) else {
            let text = "attach to \(path): \(attached.descriptorCount) descriptors came instead of \(answer.descriptorCount)"
            return finish(.failure(FluxonError(.protocolViolation, text + "; raise the limit on open files (ulimit -n)")))
        }
        finish(.success(attached))
    }

    private func unreachable(_ why: String) -> FluxonError {
        FluxonError(.connectionFailed, "attach to \(path): \(why)")
    }

    private func finish(_ result: Result<AttachedSocket, FluxonError>) {
        stop()
        let completion = completion.take()
        completion?(result)
    }

    private func stop() {
        stopWatching()
        socket = nil
    }

    private func stopWatching() {
        registration?.cancel()
        registration = nil
        timer?.cancel()
        timer = nil
    }
}

/// A connection to an owner after the handshake. What is not taken is closed.
package final class AttachedSocket {
    package let answer: AttachAnswer
    /// The owner's clock reading lay between two of this process: they read one clock (CONSISTENCY §1).
    package let isClockShared: Bool
    private var socket: Descriptor?
    private var received: [ReceivedDescriptors]

    init(answer: AttachAnswer, socket: consuming Descriptor, descriptors: [ReceivedDescriptors], isClockShared: Bool) {
        self.answer = answer
        self.isClockShared = isClockShared
        self.socket = consume socket
        received = descriptors
    }

    package var descriptorCount: Int { received.reduce(0) { $0 + $1.count } }

    /// The connection, borrowed; -1 once it was taken.
    package var socketNumber: CInt { socket?.number ?? -1 }

    /// The descriptors that were not taken, borrowed: to pass them on while this object lives.
    package var borrowed: [CInt] { received.flatMap(\.borrowed) }

    /// The connection itself, which speaks HTTP/2 from its next byte on. Once.
    package func takeSocket() -> Descriptor? { socket.take() }

    /// The next descriptor that came with the answer.
    package func takeDescriptor() -> Descriptor? {
        while let first = received.first {
            if let descriptor = first.takeFirst() { return descriptor }
            received.removeFirst()
        }
        return nil
    }
}
