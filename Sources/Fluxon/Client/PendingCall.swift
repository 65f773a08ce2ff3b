internal import FluxonCore
internal import Synchronization

/// How a call to the owner ended.
enum CallResult: Sendable {
    case slot(WriteSlot)
    case outcome(LocalResult)
    case value(Value)
    case described(length: Int)
    case absent
    /// The extent belongs to an earlier attachment, and nothing was sent.
    case stale
    case failed(FluxonError)
}

/// How an operation ended, as the owner tells it.
typealias LocalResult = LocalAnswer.Outcome.Result

/// One request that its caller waits for. Made by the caller, ended once by the connection.
final class PendingCall: @unchecked Sendable {
    // SAFETY: `waiter` is set by the caller before the call is handed over; everything below it is the loop's alone, but for
    // `isCancelled`.
    var body: LocalRequest.Body
    let deadline: BootInstant
    /// The attachment that the request's extent belongs to; nil for requests that any may serve.
    let attachment: Attachment?
    /// The bytes of an upload.
    let upload: UploadBuffer?
    private var waiter: Waiter?
    let isCancelled = Atomic<Bool>(false)

    /// Zero until it was given to the connection for the first time.
    var id: UInt64 = 0
    var isSent = false
    /// The link's message that it went with last; zero: none.
    var message: UInt64 = 0
    var copied: CopiedBytes?
    var failedPins = 0

    init(_ body: LocalRequest.Body, deadline: BootInstant, attachment: Attachment? = nil, upload: UploadBuffer? = nil) {
        self.body = body
        self.deadline = deadline
        self.attachment = attachment
        self.upload = upload
    }

    /// Whether it may have changed something once it was sent (CONSISTENCY T2).
    var isOperation: Bool {
        switch body {
        case .commit, .remove, .upload: true
        case .reserve, .get, .inspect, .confirm, .cancel, .giveBack, .unmapped, .leave: false
        }
    }

    func wait(with waiter: Waiter) { self.waiter = waiter }

    /// The first call ends it; later ones do nothing.
    func end(_ result: CallResult) {
        switch waiter.take() {
        case .task(let continuation): continuation.resume(returning: result)
        case .closure(let body): body(result)
        case nil: break
        }
    }

    var isEnded: Bool { waiter == nil }

    /// Who is told how a call ended.
    enum Waiter {
        case task(UnsafeContinuation<CallResult, Never>)
        /// On the loop: for `OwnerLinkProbe`.
        case closure((CallResult) -> Void)
    }
}
