internal import CNGHTTP2
internal import DequeModule
package import FluxonCore
internal import FluxonSystem

/// One call, seen from either side: messages both ways and one status. On its loop only.
///
/// Callbacks run synchronously while bytes are read. `onEnd` comes exactly once and last; it lets go of all callbacks. Everything
/// may be called from within a callback, and is ignored once the call has ended.
package final class RPCStream {
    /// "/package.Service/Method".
    package internal(set) var path: String
    /// What the client sent along.
    package internal(set) var metadata: RPCMetadata
    /// Server: sent before the first message; set it before that. Client: what came there.
    package var initialMetadata = RPCMetadata()
    /// Who is at the other end of the connection, for messages.
    package internal(set) var peer = ""
    /// Server with mutual TLS: the common name in the client's verified certificate.
    package internal(set) var peerCertificateName: String?
    /// What the server was told when it adopted the connection, for example the session of an attached process.
    package internal(set) var connectionContext: AnyObject?
    /// When this call ends by itself.
    package internal(set) var deadline: BootInstant?

    package var onMessage: (([UInt8]) -> Void)?
    /// Server: the client sends no more messages.
    package var onHalfClose: (() -> Void)?
    /// Client: `initialMetadata` is there.
    package var onInitialMetadata: (() -> Void)?
    /// Unsent bytes fell to half of what made `isWritable` false.
    package var onWritable: (() -> Void)?
    /// Set after the call has ended (a message over the limit ends it within `send`), it comes at once.
    package var onEnd: ((RPCStatus) -> Void)? {
        didSet {
            guard let endStatus, let onEnd else { return }
            self.onEnd = nil
            onEnd(endStatus)
        }
    }
    /// How the call ended, until `onEnd` was told.
    private var endStatus: RPCStatus?

    struct Outgoing {
        let message: [UInt8]
        /// Bytes sent of the message and the five of its prefix.
        var sent = 0
    }

    let isClient: Bool
    let limits: RPCLimits
    /// Until the stream is closed or the connection ends. Strong on purpose, here and around: one weak reference to an object makes every
    /// retain of it take the slow path through a side table, which was a fifth of the time of a call.
    var session: RPCSession?
    var id: Int32 = 0
    var timer: LoopTimer?
    /// Client: the deadline as it was given, and whether the call waits where nobody can be reached.
    var timeout: Duration?
    var isPatient = false
    /// Client: takes a call that is on no connection yet off the list of those that wait.
    var onDetach: (() -> Void)?

    // Sending.
    var outbound = Deque<Outgoing>()
    /// Bytes queued and not yet handed to the connection, message prefixes included.
    package internal(set) var queuedBytes = 0
    var hasResponded = false
    var isHalfClosed = false
    var finalStatus: RPCStatus?
    var isDeferred = false
    var wasUnwritable = false

    // Receiving.
    /// Server: the whole handler of a method that takes one message, and that message once it is there.
    var unaryBody: (([UInt8], RPCStream) -> Void)?
    var unaryRequest: [UInt8]?
    var block = HeaderBlock()
    var decoder = MessageDecoder()
    var inbox = Deque<[UInt8]>()
    package internal(set) var isReadingPaused = false
    /// Bytes received and not reported to flow control, since the reader pauses.
    var heldBytes = 0
    var hasResponse = false
    /// The peer's end, which waits until the inbox is read: a half-close (server) or a status (client).
    enum PendingEnd { case halfClose, status(RPCStatus) }
    var pendingEnd: PendingEnd?
    package internal(set) var isEnded = false

    /// Client. On no connection: what is sent waits for one.
    package init(path: String, metadata: RPCMetadata, limits: RPCLimits) {
        isClient = true
        self.path = path
        self.metadata = metadata
        self.limits = limits
    }

    /// Server.
    init(session: RPCSession, id: Int32) {
        isClient = false
        path = ""
        metadata = RPCMetadata()
        limits = session.limits
        self.session = session
        self.id = id
    }

    // MARK: Sending

    /// Whether more may be sent before `onWritable`. Advice only: `send` takes what is within the limits all the same.
    package var isWritable: Bool { queuedBytes < limits.writableBytes }

    /// Queues a message; it leaves at the end of this turn of the loop, as far as the peer's windows let it.
    ///
    /// A message over the limit, or one too many for the queue, ends the call with `resourceExhausted`.
    package func send(_ message: [UInt8]) {
        guard !isEnded, !isHalfClosed, finalStatus == nil else { return }
        guard message.count <= limits.messageBytes else {
            return fail(
                RPCStatus(
                    .resourceExhausted, "a message of \(message.count) bytes is over the limit of \(limits.messageBytes); send it in parts")
            )
        }
        let total = queuedBytes + message.count + 5
        guard queuedBytes == 0 || total <= limits.queuedBytes else {
            return fail(
                RPCStatus(
                    .resourceExhausted,
                    "\(total) bytes are queued, over the limit of \(limits.queuedBytes): the peer does not read; wait for onWritable"))
        }
        outbound.append(Outgoing(message: message))
        queuedBytes = total
        if queuedBytes >= limits.writableBytes { wasUnwritable = true }
        wakeSender()
    }

    /// Client: no more messages from here; the answers go on.
    package func halfClose() {
        guard isClient, !isEnded, !isHalfClosed else { return }
        isHalfClosed = true
        wakeSender()
    }

    /// Server: ends the call after what is queued. `onEnd` comes when the client has it, or will never.
    package func finish(_ status: RPCStatus) {
        guard !isClient, !isEnded, finalStatus == nil else { return }
        finalStatus = status
        inbox = []
        releaseHeld()
        guard let session else { return end(status) }
        if !hasResponded, outbound.isEmpty {
            hasResponded = true
            session.respond(self, only: status)
        } else {
            wakeSender()
        }
    }

    /// Server: sends `initialMetadata` now, before any message.
    package func sendInitialMetadata() {
        guard !isClient, !isEnded, finalStatus == nil, !hasResponded else { return }
        wakeSender()
    }

    /// Ends the call at once on both sides; what is queued is dropped.
    package func cancel() { abandon(RPCStatus(.cancelled, "cancelled by this side")) }

    private func wakeSender() {
        guard let session else { return }
        if !isClient, !hasResponded {
            hasResponded = true
            session.respond(self)
        } else if isDeferred {
            isDeferred = false
            session.resume(self)
        }
    }

    // MARK: Receiving

    /// No `onMessage` until `resumeReading`; the peer is slowed down once its window is full.
    package func pauseReading() { isReadingPaused = true }

    package func resumeReading() {
        guard isReadingPaused else { return }
        isReadingPaused = false
        while !isReadingPaused, let message = inbox.popFirst() {
            let taken = min(heldBytes, message.count + 5)
            heldBytes -= taken
            session?.consumeHeld(self, taken)
            onMessage?(message)
        }
        guard !isReadingPaused, inbox.isEmpty else { return }
        releaseHeld()
        deliverEnd()
    }

    // MARK: Ending

    /// Ends the call by an error found on this side: the client resets it, the server says why.
    func fail(_ status: RPCStatus) {
        if isClient {
            abandon(status)
        } else {
            dropOutbound()
            finish(status)
        }
    }

    /// The call's time is over.
    func expire(_ status: RPCStatus) {
        guard !isEnded else { return }
        guard !isClient else { return abandon(status) }
        fail(status)
        end(status)
    }

    /// Resets the stream and ends the call here.
    func abandon(_ status: RPCStatus) {
        guard !isEnded else { return }
        dropOutbound()
        inbox = []
        releaseHeld()
        if let session, id > 0 { session.reset(self, NGHTTP2_CANCEL) }
        onDetach?()
        end(status)
    }

    func end(_ status: RPCStatus) {
        guard !isEnded else { return }
        isEnded = true
        timer?.cancel()
        timer = nil
        onDetach = nil
        let onEnd = onEnd
        clearCallbacks()
        if let onEnd { onEnd(status) } else { endStatus = status }
    }

    private func clearCallbacks() {
        unaryBody = nil
        onMessage = nil
        onHalfClose = nil
        onInitialMetadata = nil
        onWritable = nil
        onEnd = nil
    }

    func dropOutbound() {
        outbound = []
        queuedBytes = 0
    }

    func releaseHeld() {
        let held = heldBytes
        heldBytes = 0
        session?.consumeHeld(self, held)
    }
}
