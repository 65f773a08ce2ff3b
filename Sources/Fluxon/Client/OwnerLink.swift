internal import FluxonCore
internal import FluxonPool
internal import FluxonRPC
internal import FluxonSystem
internal import Synchronization

/// The connection of a store to its owner, over restarts of either: attaches, sends calls, ends them. On its loop only.
///
///     attaching ──answer──▶ open ──stream ends, epoch changed──▶ attaching        any ──close──▶ closed
///         ▲  └─refused─▶ pausing ─┐
///         └───────────────────────┘
final class OwnerLink: @unchecked Sendable {
    // SAFETY: everything is touched on `loop` alone (`onAttachment` before the first call there).
    private enum Phase {
        case idle
        case attaching(AttachConnector?)
        case open(LocalStream)
        case pausing(LoopTimer)
        case closed
    }

    let loop: EventLoop
    private let target: AttachTarget
    private let options: Store.Options
    private var phase = Phase.idle
    private var backoff = Backoff(first: .milliseconds(10), longest: .seconds(1))
    /// The connection that ended was a good one.
    private var attachesAtOnce = true
    private var lastFailure: FluxonError?
    private var openSince = BootInstant.zero
    private var firstAttachment: ((Result<Attachment, FluxonError>) -> Void)?
    private(set) var attachment: Attachment?
    var onAttachment: (Attachment?) -> Void = { _ in }

    var pending: [UInt64: PendingCall] = [:]
    /// Outcomes that the owner still keeps for this process (CONSISTENCY T1).
    var acknowledgements = OutcomeAcknowledgements()
    /// How many pin words this process knows of.
    var pinWords: UInt64 = 0
    /// Uploads with pieces left to send, with the offset of the next.
    var uploads: [(call: PendingCall, offset: Int)] = []
    private var nextID: UInt64 = 1
    private var nextCounter: UInt64 = 1
    private var sweep: LoopTimer?
    private var writer = LocalFrameWriter()
    /// Counts the messages of this link.
    private var message: UInt64 = 1
    private var isFlushScheduled = false

    /// A connection that lasted for less was refused, or might as well have been.
    private static let steadyAfter = Duration.seconds(1)

    init(loop: EventLoop, target: AttachTarget, options: Store.Options) {
        self.loop = loop
        self.target = target
        self.options = options
    }

    // MARK: Attaching

    /// The first attempt, whose failure is the answer to `connect`.
    func start(_ completion: @escaping (Result<Attachment, FluxonError>) -> Void) {
        firstAttachment = completion
        attach()
    }

    /// The owner's life that `view` belongs to is over. Harmless when that is known.
    func epochChanged(of view: PoolView) {
        guard attachment?.view === view, case .open(let stream) = phase else { return }
        stream.cancel()
        reattach()
    }

    private func attach() {
        let request = AttachRequest(
            wishes: options.usesSharedMemory ? [.mapping, .writing] : [], resumedSession: attachment?.session ?? 0,
            resumedGeneration: attachment?.generation ?? 0, clusterName: options.clusterName ?? "",
            processName: options.name)
        do throws(FluxonError) {
            let (socket, clusterName) = try target.resolve()
            if let wanted = options.clusterName, let clusterName, wanted != clusterName {
                throw FluxonError(
                    .clusterMismatch, "\(target.path) belongs to the cluster '\(clusterName)', this process asks for '\(wanted)'")
            }
            phase = .attaching(nil)
            let connector = AttachConnector.attach(loop: loop, path: socket, request: request, timeout: options.connectTimeout) {
                [weak self] in
                self?.attached($0)
            }
            if case .attaching = phase { phase = .attaching(connector) }
        } catch {
            failed(error)
        }
    }

    private func attached(_ result: Result<AttachedSocket, FluxonError>) {
        guard case .attaching = phase else { return }
        do throws(FluxonError) {
            let socket = try result.get()
            let stream = try LocalStream(socket, loop: loop)
            let isResumed = socket.answer.grants.contains(.resumed) && socket.answer.session == attachment?.session
            let next =
                if isResumed, let attachment { attachment } else {
                    try Attachment(socket, usesSharedMemory: options.usesSharedMemory, prefaults: options.prefaults)
                }
            pinWords = socket.answer.pinWords
            begin(stream, next)
        } catch {
            failed(error)
        }
    }

    func begin(_ stream: LocalStream, _ next: Attachment) {
        let isSame = next === attachment
        attachment = next
        openSince = loop.now
        phase = .open(stream)
        stream.start { [weak self] in
            self?.handle($0)
        } onWritable: { [weak self] in
            self?.sendUploads()
        } onEnd: { [weak self, weak stream] error in
            guard let self, case .open(let current) = self.phase, current === stream else { return }
            if self.isSteady { self.connectionWasGood() }
            self.phase = .idle
            self.writer = LocalFrameWriter()
            self.attachLater(after: error)
        }
        onAttachment(next)
        firstAttachment.take()?(.success(next))
        resend(isSameSession: isSame)
    }

    private var isSteady: Bool { loop.now.since(openSince) >= Self.steadyAfter }

    /// Why calls get no answer, as far as the connection is to blame.
    private var cause: FluxonError? {
        if case .open = phase, isSteady { return nil }
        return lastFailure
    }

    private func reattach() {
        phase = .idle
        writer = LocalFrameWriter()
        attach()
    }

    private func failed(_ error: FluxonError) {
        if let completion = firstAttachment.take() {
            phase = .idle
            return completion(.failure(error))
        }
        attachLater(after: error)
    }

    /// At once after a connection that lasted; with growing pauses after others, for what was refused is refused again.
    private func attachLater(after error: FluxonError) {
        lastFailure = error
        guard !attachesAtOnce else {
            attachesAtOnce = false
            return attach()
        }
        phase = .pausing(
            loop.schedule(after: backoff.next()) { [weak self] in
                guard let self, case .pausing = self.phase else { return }
                self.attach()
            })
    }

    private func connectionWasGood() {
        backoff.succeeded()
        attachesAtOnce = true
    }

    /// What was asked before goes out again: under the old tokens where the session goes on (T1), else only what changes nothing (T2).
    private func resend(isSameSession: Bool) {
        uploads = []
        acknowledgements.reconnected(isSameSession: isSameSession)
        for (id, call) in pending.sorted(by: { $0.key < $1.key }) {
            if call.isOperation, call.isSent, !isSameSession {
                end(id, .failed(unknownOutcome("the owner that it was sent to is gone")))
            } else {
                call.copied = nil
                transmit(call)
            }
        }
    }

    // MARK: Calls

    func begin(_ call: PendingCall) {
        if call.isCancelled.load(ordering: .relaxed) {
            return call.end(.failed(FluxonError(.cancelled, "the caller cancelled before it was sent")))
        }
        if case .closed = phase { return call.end(.failed(StoreCore.closed)) }
        call.id = nextID
        nextID += 1
        pending[call.id] = call
        scheduleSweep(by: call.deadline)
        if case .open = phase { transmit(call) }
    }

    func cancel(_ call: PendingCall) {
        guard pending[call.id] === call else { return }
        if call.isOperation, call.isSent {
            end(call.id, .failed(unknownOutcome("the caller cancelled after it was sent, which does not revoke it")))
        } else {
            abandon(call)
            end(call.id, .failed(FluxonError(.cancelled, "the caller cancelled")))
        }
    }

    func end(_ id: UInt64, _ result: CallResult) {
        pending.removeValue(forKey: id)?.end(result)
    }

    /// Tells the owner that nobody waits for a read any more, and keeps an extent that was never sent.
    private func abandon(_ call: PendingCall) {
        if call.isSent {
            send(LocalRequest(id: call.id, body: .cancel))
        } else if case .commit(let commit) = call.body, let attachment = call.attachment {
            attachment.cache.add([Extent(offset: commit.extent.offset, capacity: commit.extent.capacity)])
        }
    }

    private func transmit(_ call: PendingCall) {
        if !call.isSent, let wanted = call.attachment, wanted !== attachment { return end(call.id, .stale) }
        number(call)
        call.isSent = true
        call.message = message
        // The owner takes a process that asked for the mapping for one that has it; this one may have refused it (CONSISTENCY §1).
        if case .get(var get) = call.body, attachment?.view == nil {
            get.isCopied = true
            call.body = .get(get)
        }
        if call.upload != nil {
            uploads.append((call, 0))
            return sendUploads()
        }
        send(LocalRequest(id: call.id, timeoutMicroseconds: timeout(of: call), body: call.body))
    }

    /// A token's counter is given once and stays with the operation (T1).
    private func number(_ call: PendingCall) {
        switch call.body {
        case .commit(var commit) where commit.counter == 0:
            commit.counter = takeCounter()
            call.body = .commit(commit)
        case .remove(var remove) where remove.counter == 0:
            remove.counter = takeCounter()
            call.body = .remove(remove)
        case .upload(var upload) where upload.counter == 0:
            upload.counter = takeCounter()
            call.body = .upload(upload)
        case .commit, .remove, .upload, .reserve, .get, .inspect, .confirm, .cancel, .giveBack, .unmapped, .leave: break
        }
    }

    private func takeCounter() -> UInt64 {
        defer { nextCounter += 1 }
        return nextCounter
    }

    /// The owner gives up a little earlier than the caller, so that its reason arrives in time.
    func timeout(of call: PendingCall) -> UInt64 {
        let left = call.deadline.since(loop.now).clampedNanoseconds / 1000
        return UInt64(clamping: max(left - max(left / 32, 2000), 1))
    }

    func send(_ request: LocalRequest) {
        request.forEachPart { append($0) }
    }

    private func append(_ request: LocalRequest) {
        guard case .open = phase else { return }
        writer.append(request)
        if writer.isFull { return flush() }
        scheduleFlush()
    }

    func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.atEndOfTick { [self] in flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard case .open(let stream) = phase else { return }
        var told = 0
        repeat {
            let next = min(told + Limits.localFrameElements, acknowledgements.untold.count)
            guard let bytes = writer.takeRequests(received: acknowledgements.untold[told..<next]) else { return }
            stream.send(bytes)
            told = next
            message += 1
        } while told < acknowledgements.untold.count
        acknowledgements.toldAll(in: message - 1)
    }

    /// An answer to this call came: the owner has read every message up to the one with the call.
    func proven(by id: UInt64) {
        if let call = pending[id] { acknowledgements.proven(upTo: call.message) }
    }

    /// Pieces of the first upload, then of the next, while the owner reads them.
    private func sendUploads() {
        while case .open(let stream) = phase, stream.queuedBytes < LocalStream.uploadWindow, let first = uploads.first {
            guard pending[first.call.id] === first.call, case .upload(var upload) = first.call.body, let buffer = first.call.upload else {
                uploads.removeFirst()
                continue
            }
            let count = min(buffer.memory.count - first.offset, Limits.localPartBytes)
            upload.offset = UInt64(first.offset)
            upload.bytes = Array(UnsafeRawBufferPointer(rebasing: buffer.memory[first.offset..<first.offset + count]))
            if first.offset > 0 { upload.key = [] }
            send(LocalRequest(id: first.call.id, timeoutMicroseconds: timeout(of: first.call), body: .upload(upload)))
            flush()
            uploads[0].offset += count
            if uploads[0].offset == buffer.memory.count { uploads.removeFirst() }
        }
    }

    // MARK: Deadlines

    /// One timer for the earliest deadline. Most calls end long before theirs, so it is looked at rarely.
    private func scheduleSweep(by deadline: BootInstant) {
        if let sweep, sweep.deadline <= deadline { return }
        sweep?.cancel()
        sweep = loop.schedule(at: deadline) { [weak self] in self?.expire() }
    }

    private func expire() {
        sweep = nil
        let now = loop.now
        var next: BootInstant?
        for (id, call) in pending {
            if call.deadline <= now {
                if !call.isOperation || !call.isSent { abandon(call) }
                end(id, .failed(expiry(of: call)))
            } else {
                next = min(next ?? call.deadline, call.deadline)
            }
        }
        if let next { scheduleSweep(by: next) }
    }

    private func expiry(of call: PendingCall) -> FluxonError {
        if call.isOperation, call.isSent { return unknownOutcome("no answer came before its deadline") }
        guard case .open = phase else {
            let text = "the owner at \(target.path) was not to be reached before the deadline"
            return FluxonError(.connectionFailed, text + "; start it, or check its log", cause: cause)
        }
        return FluxonError(.deadlineExceeded, "the owner \(attachment?.ownerName ?? "") did not answer before the deadline", cause: cause)
    }

    func unknownOutcome(_ why: String) -> FluxonError {
        FluxonError(.unknownOutcome, "\(why): it may or may not have taken effect; read the key to see", cause: cause)
    }

    // MARK: The end

    /// `done` comes when the owner knows.
    func close(_ done: @escaping () -> Void) {
        if case .attaching(let connector) = phase { connector?.cancel() }
        if case .pausing(let timer) = phase { timer.cancel() }
        sweep?.cancel()
        for (id, call) in pending {
            end(id, .failed(call.isOperation && call.isSent ? unknownOutcome("the store was closed") : StoreCore.closed))
        }
        firstAttachment.take()?(.failure(StoreCore.closed))
        onAttachment = { _ in }
        if case .open(let stream) = phase {
            if letGo() { send(LocalRequest(id: 0, body: .leave)) }
            flush()
            phase = .closed
            return stream.close(done)
        }
        phase = .closed
        done()
    }

    /// Whether nobody in this process can write or pin any more: no put under way, no value held. Then the owner may take everything
    /// back now; else it does so when this process ends (P8).
    private func letGo() -> Bool {
        guard attachment != nil, isKnownUniquelyReferenced(&attachment) else { return false }
        var view = attachment?.view
        attachment = nil
        return view == nil || isKnownUniquelyReferenced(&view)
    }
}
