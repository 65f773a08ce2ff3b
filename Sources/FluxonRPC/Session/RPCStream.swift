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
    var endStatus: RPCStatus?

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
    /// Client: takes a call that no server has seen yet off the list of those that wait.
    var onDetach: (() -> Void)?
    /// Client: its place in that list, which `CallQueue` keeps.
    var queuePlace = 0
    /// Client: what its first frame will say, until it is made.
    var opening: Opening?

    struct Opening {
        let authority: String
        let scheme: StaticString
        let timeout: Duration?
    }

    // Sending.
    var outbound = Deque<Outgoing>()
    /// Bytes queued and not yet handed to the connection, message prefixes included.
    package internal(set) var queuedBytes = 0
    var hasResponded = false
    var isHalfClosed = false
    var finalStatus: RPCStatus?
    /// The status is on its way: nothing can come after it.
    var hasSentStatus = false
    var isDeferred = false
    var wasUnwritable = false

    // Receiving.
    /// Server: the whole handler of a method that takes one message, and that message once it is there.
    var unaryBody: (([UInt8], RPCStream) -> Void)?
    var unaryRequest: [UInt8]?
    var block = HeaderBlock()
    var decoder = MessageDecoder()
    /// Bytes of messages that nobody can use yet, as the session was told.
    var keptBytes = 0
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
    package var isWritable: Bool { queuedBytes < limits.writableBytes && session?.isCrowded != true }

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
        let byteCount = message.count + 5
        guard queuedBytes == 0 || queuedBytes + byteCount <= limits.queuedBytes else {
            return fail(Self.tooMuchQueued(queuedBytes + byteCount, limits.queuedBytes, by: "of this call"))
        }
        let queuedByAll = session?.queuedBytes ?? 0
        guard queuedByAll == 0 || queuedByAll + byteCount <= limits.connectionQueuedBytes else {
            return fail(Self.tooMuchQueued(queuedByAll + byteCount, limits.connectionQueuedBytes, by: "of this connection's calls"))
        }
        outbound.append(Outgoing(message: message))
        changeQueued(by: byteCount)
        if queuedBytes >= limits.writableBytes { wasUnwritable = true }
        wakeSender()
    }

    private static func tooMuchQueued(_ byteCount: Int, _ limit: Int, by whom: String) -> RPCStatus {
        RPCStatus(
            .resourceExhausted,
            "\(byteCount) bytes \(whom) are queued, over the limit of \(limit): the peer does not read; wait for onWritable")
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
        dropInbound()
        guard session != nil else { return end(status) }
        if outbound.isEmpty { sendStatus(status) } else { wakeSender() }
    }

    /// Server: nothing is queued. The status does not wait for the client's window, as it would behind DATA.
    func sendStatus(_ status: RPCStatus) {
        hasSentStatus = true
        if hasResponded {
            session?.sendTrailers(self, status)
            session?.onOutput?()
        } else {
            hasResponded = true
            session?.respond(self, only: status)
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
}
