import FluxonCore
import FluxonSystem
import FluxonTLS

/// The source's end of one connection. On the loop only.
///
///     greeting ──▶ requesting ⇄ sending ──▶ closed
final class TCPServingConnection {
    private enum State {
        case greeting
        case requesting(Asker)
        case sending(Asker, ResponseSender)
        /// A last answer is on its way; then the connection closes.
        case refusing(ResponseSender)
        case closed
    }

    /// More than a greeting and a request.
    private static let inputLimit = 4096

    private let path: PathID
    private let server: TCPServer
    private var state = State.greeting
    private var descriptor: Descriptor?
    private var number: CInt = -1
    private var registration: Registration?
    /// Nil until opened.
    private var stream: BulkStream?
    private var input: [UInt8] = []
    private var lastProgress: BootInstant
    private var watch: LoopTimer?

    init(path: PathID, server: TCPServer) {
        self.path = path
        self.server = server
        lastProgress = server.loop.now
    }

    /// Who greeted; nil before.
    var asker: Asker? {
        switch state {
        case .requesting(let asker), .sending(let asker, _): asker
        case .greeting, .refusing, .closed: nil
        }
    }

    func open(_ descriptor: consuming Descriptor) {
        number = descriptor.number
        self.descriptor = consume descriptor
        stream = BulkStream(number, tls: server.tls?.makeSession(host: "", peer: "the asker of \(path)", protocol: .bulk))
        do throws(SystemError) {
            registration = try server.loop.register(number, .readable) { [unowned self] in ready($0) }
        } catch {
            return close()
        }
        watchProgress()
    }

    /// Nothing is read out of the source over this path any more.
    func close(forViolation: Bool = false) {
        if case .closed = state { return }
        state = .closed
        watch?.cancel()
        registration?.cancel()
        descriptor = nil
        server.closed(path, forViolation: forViolation)
    }

    // MARK: The socket

    private func ready(_ readiness: Readiness) {
        switch state {
        case .greeting, .requesting:
            if readiness.contains(.writable), case .failed? = stream?.flush() { return close() }
            receive()
        case .sending, .refusing:
            // An asker never closes half: what it does not want to send more of, it does not want to read either.
            if readiness.isEnd { return close() }
            send()
        case .closed: break
        }
    }

    private func receive() {
        let room = Self.inputLimit - input.count
        guard let stream else { return }
        let outcome = withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { buffer -> BulkStream.Outcome in
            let outcome = stream.receive(into: [buffer])
            if case .moved(let count) = outcome { input += buffer[..<count] }
            return outcome
        }
        switch outcome {
        case .moved:
            lastProgress = server.loop.now
            parse()
        // A handshake may have something to say.
        case .wouldBlock: watch(stream.interest(sends: false))
        case .failed(.securityFailed): close(forViolation: true)
        case .failed: close()
        }
    }

    /// Takes the frames that have arrived, up to the first request: while it is answered, the others wait.
    private func parse() {
        var bytes = ByteInput(input)
        do throws(FrameError) {
            if case .greeting = state {
                guard let greeting = try Greeting.decode(&bytes) else { return }
                if greeting.version != Frames.version { return refuse(.versionMismatch) }
                if greeting.cluster != server.cluster { return refuse(.clusterMismatch) }
                state = .requesting(greeting.asker)
            }
            if case .requesting(let asker) = state, let request = try RangeRequest.decode(&bytes) { answer(request, from: asker) }
        } catch {
            return close(forViolation: true)
        }
        input.removeFirst(input.count - bytes.count)
        if case .sending = state { send() }
    }

    private func answer(_ request: RangeRequest, from asker: Asker) {
        let claim = TicketClaim(ticket: request.ticket, asker: asker, version: request.version, range: request.range)
        let sender: ResponseSender =
            switch server.source.redeem(claim, on: path) {
            case .bytes(let bytes):
                ResponseSender(bytes, chunkBytes: request.chunkBytes, ticket: request.ticket, limits: server.limits)
            case .gone: ResponseSender(refusing: .gone)
            case .notYet: ResponseSender(refusing: .notYet)
            case .refused: ResponseSender(refusing: .refused)
            }
        state = .sending(asker, sender)
    }

    private func refuse(_ status: ResponseHead.Status) {
        state = .refusing(ResponseSender(refusing: status))
        send()
    }

    private func send() {
        guard let stream else { return }
        let outcome: ResponseSender.Outcome
        switch state {
        case .sending(_, let sender), .refusing(let sender): outcome = sender.send(to: stream, budget: server.limits.bytesPerTurn)
        case .greeting, .requesting, .closed: return
        }
        switch outcome {
        case .progress:
            lastProgress = server.loop.now
            watch(.writable)
        case .waiting: watch(.writable)
        case .complete: sent()
        case .failed: close()
        }
    }

    private func sent() {
        lastProgress = server.loop.now
        guard case .sending(let asker, let sender) = state else { return lastAnswerSent() }
        state = .requesting(asker)
        // The kernel or TLS has its own copy of every byte: nothing reads the source any more.
        if let ticket = sender.ticket {
            server.onServed(asker, UInt64(sender.byteCount))
            server.source.done(ticket)
        }
        watch(stream?.interest(sends: false) ?? .readable)
        if !input.isEmpty { return parse() }
        guard stream?.hasPending == true else { return }
        server.loop.inNextTick { [weak self] in
            guard let self, case .requesting = state else { return }
            receive()
        }
    }

    /// The asker must be able to read the answer: closing with unread bytes would make the kernel throw it away.
    private func lastAnswerSent() {
        input = []
        stream?.close()
        Socket.shutdownWrite(number)
        _ = withUnsafeTemporaryAllocation(byteCount: Self.inputLimit, alignment: 1) { Socket.receive(number, into: $0) }
        close()
    }

    private func watch(_ interest: Interest) {
        do throws(SystemError) { try registration?.modify(interest) } catch { close() }
    }

    // MARK: Time

    /// One timer for a missing greeting, an asker that does not read, and an idle connection.
    private func watchProgress() {
        let patience: Duration
        switch state {
        case .requesting: patience = server.limits.idleConnection * 2  // the asker closes first
        case .greeting, .sending, .refusing: patience = server.limits.stall
        case .closed: return
        }
        guard server.loop.now.since(lastProgress) < patience else { return close() }
        let next = min(lastProgress.advanced(by: patience), server.loop.now.advanced(by: server.limits.stall))
        watch = server.loop.schedule(at: next) { [weak self] in self?.watchProgress() }
    }
}
