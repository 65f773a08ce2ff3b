internal import FluxonCore
internal import FluxonPool
internal import FluxonSystem
private import Synchronization

/// The inside of a store: the current attachment for readers and writers of any thread, and the way to the connection on its loop.
final class StoreCore: Sendable {
    let loop: EventLoop
    private let link: OwnerLink
    private let inbox = Mutex(Inbox())
    private let current = Mutex<Attachment?>(nil)
    /// The current attachment's view, for gets: found without a lock.
    private let readers = PoolReaderCell()
    private let fork = ForkGuard.current
    private let inFlight = Atomic<Int>(0)
    private let loneCaller = LoneCaller()
    /// Up to so many calls at once each caller sends its own, which saves waking the loop; more are gathered into one message.
    private static let sendersInPlace = 4

    private struct Inbox {
        var calls: [PendingCall] = []
        var cancelled: [PendingCall] = []
        var isDrainScheduled = false
        var isClosed = false
    }

    init(target: AttachTarget, options: Store.Options) throws(FluxonError) {
        do {
            loop = try EventLoop.started(name: "fluxon-store")
        } catch {
            throw FluxonError(.system, "start the thread of a store", cause: error)
        }
        link = OwnerLink(loop: loop, target: target, options: options)
    }

    var attachment: Attachment? { current.withLock { $0 } }
    var isForkedChild: Bool { fork.isChild }
    var taskExecutor: LoopTaskExecutor { loop.taskExecutor }

    /// Attaches for the first time.
    func start() async throws(FluxonError) {
        let result: Result<Attachment, FluxonError> = await withUnsafeContinuation { continuation in
            loop.execute { [self] in
                link.onAttachment = { [weak self] attachment in self?.replace(with: attachment) }
                link.start { continuation.resume(returning: $0) }
            }
        }
        _ = try result.get()
    }

    /// Ends all calls and the thread.
    func close() {
        if fork.isChild { return }
        let wasClosed = inbox.withLock { inbox in
            defer { inbox.isClosed = true }
            return inbox.isClosed
        }
        guard !wasClosed else { return }
        replace(with: nil)
        let (loop, link) = (loop, link)
        loop.execute { [self] in
            drain()
            link.close { loop.stop() }
        }
    }

    /// Called by the loop's thread, and by `close` once more.
    private func replace(with attachment: Attachment?) {
        current.withLock { current in
            current = attachment
            readers.replace(attachment?.view)
        }
    }

    // MARK: Reading shared memory

    @inline(__always)
    func readLocally(_ key: some StoreKey, _ consistency: Consistency) -> LocalAttempt {
        guard let reader = readers.reader else { return .unusable }
        let read = key.withKeyBytes { reader.get($0, consistency.isLocal ? .local : .current) }
        switch consume read {
        case .hit(let pin): return .hit(Value(pin))
        case .miss: return .miss
        case .notCurrent: return .notCurrent
        case .noPinWord: return .unusable
        case .forkedChild: return .unusable
        case .epochChanged:
            attachAnew(reader.view)
            return .unusable
        }
    }

    /// The owner that `view` belongs to is gone.
    private func attachAnew(_ view: PoolView) {
        loop.execute { [link] in link.epochChanged(of: view) }
    }

    // MARK: Calls

    /// Hands a call to the connection and waits for its end: by the owner's answer, its deadline, or cancellation.
    nonisolated(nonsending) func perform(_ call: PendingCall) async -> CallResult {
        let others = inFlight.wrappingAdd(1, ordering: .relaxed).oldValue
        defer { inFlight.wrappingSubtract(1, ordering: .relaxed) }
        let waitsHere = loneCaller.mayWait(beside: others)
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                call.wait(with: .task(continuation))
                submit(call, inPlace: others < Self.sendersInPlace)
                if waitsHere { loneCaller.waited(loop.visit(for: LoneCaller.patience) { call.isEnded }) }
            }
        } onCancel: {
            call.isCancelled.store(true, ordering: .relaxed)
            cancel(call)
        }
    }

    nonisolated(nonsending) func outcome(of call: PendingCall) async throws(FluxonError) -> LocalResult {
        switch await perform(call) {
        case .outcome(let result): return result
        case .failed(let error): throw error
        case .slot, .value, .described, .absent, .stale: throw Self.unexpected("operation")
        }
    }

    /// Where to write a value of `byteCount` bytes: from the extents at hand, or with one round trip.
    nonisolated(nonsending) func reserve(_ byteCount: Int, deadline: BootInstant) async throws(FluxonError) -> WriteSlot {
        var count: UInt64 = 1
        if let attachment {
            if attachment.arena == nil {
                if let slot = WriteSlot(buffering: byteCount, for: attachment) { return slot }
                throw FluxonError(.system, "this process has no memory for a value of \(byteCount) bytes")
            }
            if let extent = attachment.cache.take(byteCount), let slot = WriteSlot(extent, byteCount: byteCount, of: attachment) {
                return slot
            }
            if attachment.habit.takesSocket(byteCount), let slot = WriteSlot(buffering: byteCount, for: attachment) { return slot }
            count = attachment.habit.reservationCount(byteCount)
        }
        let call = PendingCall(.reserve(byteCount: UInt64(byteCount), count: count), deadline: deadline)
        switch await perform(call) {
        case .slot(let slot): return slot
        case .failed(let error): throw error
        case .outcome, .value, .described, .absent, .stale: throw Self.unexpected("reservation")
        }
    }

    func giveBack(_ slot: WriteSlot) {
        if case .extent(let extent) = slot.place { slot.attachment.cache.add([extent]) }
    }

    nonisolated(nonsending) func commit(
        _ first: WriteSlot, key: [UInt8], _ condition: Condition, deadline: BootInstant
    ) async throws(FluxonError) -> Value.Version {
        var slot = first
        while true {
            switch await perform(Self.call(slot, key: key, condition.condition, deadline: deadline)) {
            case .outcome(.committed(let version)): return Value.Version(version)
            case .outcome(.conditionFailed(let version)): throw Self.conditionFailed(version)
            case .outcome(.failed(let code, let message)): throw FluxonError(FluxonError.Code(rawValue: code), message)
            case .stale:
                // Written into the pool of an owner that is gone, and never sent: once more, into the pool of its successor.
                let next = try await reserve(slot.bytes.count, deadline: deadline)
                next.copy(from: UnsafeRawBufferPointer(slot.bytes))
                slot = next
            case .failed(let error): throw error
            case .slot, .value, .described, .absent: throw Self.unexpected("put")
            }
        }
    }

    private static func call(_ slot: WriteSlot, key: [UInt8], _ condition: CommitCondition, deadline: BootInstant) -> PendingCall {
        let length = UInt64(slot.bytes.count)
        switch slot.place {
        case .extent(let extent):
            let extent = LocalExtent(offset: extent.offset, capacity: extent.capacity)
            let commit = LocalRequest.Commit(counter: 0, key: key, extent: extent, length: length, condition: condition)
            return PendingCall(.commit(commit), deadline: deadline, attachment: slot.attachment)
        case .buffer(let buffer):
            let upload = LocalRequest.Upload(counter: 0, key: key, length: length, offset: 0, bytes: [], condition: condition)
            return PendingCall(.upload(upload), deadline: deadline, upload: buffer)
        }
    }

    // MARK: To the loop

    private func submit(_ call: PendingCall, inPlace: Bool) {
        let (mustSchedule, isClosed) = inbox.withLock { inbox in
            guard !inbox.isClosed else { return (false, true) }
            inbox.calls.append(call)
            defer { inbox.isDrainScheduled = true }
            return (!inbox.isDrainScheduled, false)
        }
        if isClosed { return call.end(.failed(isForkedChild ? Self.forked : Self.closed)) }
        guard mustSchedule else { return }
        if inPlace { loop.executeInPlace { [self] in drain() } } else { loop.execute { [self] in drain() } }
    }

    private func cancel(_ call: PendingCall) {
        let mustSchedule = inbox.withLock { inbox in
            guard !inbox.isClosed else { return false }
            inbox.cancelled.append(call)
            defer { inbox.isDrainScheduled = true }
            return !inbox.isDrainScheduled
        }
        if mustSchedule { loop.execute { [self] in drain() } }
    }

    /// On the loop: everything that was handed over since the last time.
    private func drain() {
        var calls: [PendingCall] = []
        var cancelled: [PendingCall] = []
        inbox.withLock { inbox in
            swap(&calls, &inbox.calls)
            swap(&cancelled, &inbox.cancelled)
            inbox.isDrainScheduled = false
        }
        for call in calls { link.begin(call) }
        for call in cancelled { link.cancel(call) }
    }
}

extension StoreCore {
    static var closed: FluxonError { FluxonError(.closed, "this store was closed") }
    static var forked: FluxonError {
        FluxonError(.closed, "this store belongs to the parent process: shared memory is not inherited by fork; connect a new store")
    }

    static func unexpected(_ what: String) -> FluxonError {
        FluxonError(.protocolViolation, "the owner answered a \(what) with something else; is it another version?")
    }

    static func conditionFailed(_ version: Version?) -> FluxonError {
        let shown = version.map { "the key shows version \($0)" } ?? "the key shows no value"
        return FluxonError(.conditionFailed, "the condition did not hold: \(shown)")
    }
}
