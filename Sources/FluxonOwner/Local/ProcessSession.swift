import FluxonCore
import FluxonPool
import FluxonRPC
import FluxonSystem

/// One attached process at its owner, from its attaching to its death; connections may come and go in between. On the owner's loop.
final class ProcessSession {
    let number: UInt64
    let name: String
    let attachment: Pool.Attachment?
    let mayWrite: Bool
    let loop: EventLoop
    let pool: Pool
    let backend: any LocalBackend
    /// Gone when the owner stops; then nobody is left to hear of anything.
    private(set) weak var service: LocalService?
    /// Of the pool, in bytes.
    let capacityBytes: Int
    var ledger = ProcessLedger()
    var channel: LocalChannel?
    /// Lookups that the current connection waits for, by request.
    var lookups: [UInt64: UInt64] = [:]
    var copies: [CopiedValue] = []
    var uploads: [UInt64: Upload] = [:]
    var waiting: [WaitingRequest] = []
    /// It was asked for what it does not use, and has not answered.
    var isRecalled = false
    var pinWords: UInt64
    private let process: ProcessIdentity
    private var deathWatch: Registration?
    private(set) var isOver = false
    /// What this process sends is refused again when it comes back: once is enough for a log.
    private var isRefusalTold = false

    init(
        number: UInt64, service: LocalService, process: consuming ProcessIdentity, name: String, attachment: Pool.Attachment?,
        mayWrite: Bool
    ) throws(SystemError) {
        self.number = number
        self.service = service
        self.name = name
        self.attachment = attachment
        self.mayWrite = mayWrite
        self.process = process
        pinWords = UInt64(attachment?.grantedPins ?? 0)
        loop = service.loop
        pool = service.pool
        capacityBytes = service.pool.statistics.capacityBytes
        backend = service.backend
        deathWatch = try loop.register(self.process.descriptor.descriptor.number, .readable) { [weak self] _ in self?.end() }
    }

    var grants: AttachAnswer.Grants {
        attachment == nil ? [] : mayWrite ? [.mapping, .writing] : [.mapping]
    }

    /// Borrowed, in the order that the handshake names: pool, pins, heat.
    var descriptors: [CInt] {
        guard let attachment else { return [] }
        return [attachment.pool.descriptor, attachment.pins.descriptor, attachment.heat.descriptor]
    }

    /// Whether `other` is the very process of this session, whose pidfd is watched.
    func isProcess(_ other: borrowing ProcessIdentity) -> Bool { !isOver && process.isSame(as: other) }

    func add(to summary: inout LocalSummary) {
        summary.processes += 1
        summary.grantedExtents += ledger.grantedCount
        summary.grantedBytes += ledger.grantedBytes
        summary.operationsInFlight += ledger.inFlightCount
        summary.handovers += ledger.handoverCount
        summary.outcomesKept += ledger.keptOutcomes
    }

    var description: ProcessDescription {
        ProcessDescription(
            session: number, processID: process.processID, userID: process.userID, name: name, isConnected: channel != nil,
            mayWrite: mayWrite, grantedBytes: ledger.grantedBytes, operationsInFlight: ledger.inFlightCount,
            spanBytes: pool.spanBytes(of: number), idleBytes: pool.idleBytes(of: number), valuesHeld: pool.valuesHeld(by: number))
    }

    // MARK: The connection

    /// The process's stream, on a new connection or on one that it resumed with.
    func connect(_ new: LocalChannel) {
        disconnect(RPCStatus(.aborted, "this process opened another stream"))
        for entry in ledger.reconnect() { pool.unhold(entry) }
        channel = new
        pool.setAnswers(true, of: number)
        new.onRequests = { [weak self] in self?.handle($0) }
        new.onWritable = { [weak self] in self?.sendCopies() }
        new.onRefused = { [weak self] why in
            guard let self, !isRefusalTold else { return }
            isRefusalTold = true
            service?.onRefused(description, why)
        }
        new.onEnd = { [weak self, weak new] in
            if let self, let new, self.channel === new { self.disconnected() }
        }
        new.start()
        tellOfSpans()
    }

    /// What an earlier connection carried may be lost: the pages that this process may map, and those that it shall unmap. Hearing of
    /// one twice changes nothing.
    private func tellOfSpans() {
        guard mayWrite else { return }
        for spans in pool.spans(of: number).map({ LocalExtent($0) }).parts(of: Limits.localExtents) {
            send(0, .granted(.init(spans: spans)))
        }
        for spans in pool.withdrawnSpans(of: number).map({ LocalExtent($0) }).parts(of: Limits.localExtents) { send(0, .recall(spans)) }
    }

    func dropConnection() { disconnect(RPCStatus(.unavailable, "the owner closes this connection; attach again")) }

    private func disconnect(_ status: RPCStatus) {
        guard let old = channel else { return }
        disconnected()
        old.close(status)
    }

    /// A closed connection is not death (P8): the process keeps its extents and pins. What it waited for has no taker.
    private func disconnected() {
        channel = nil
        pool.setAnswers(false, of: number)
        for lookup in lookups.values { backend.cancelLookup(lookup) }
        lookups = [:]
        for copy in copies { pool.unhold(copy.entry) }
        copies = []
        dropUploads()
        for one in waiting { one.timer.cancel() }
        waiting = []
        isRecalled = false
    }

    func send(_ request: UInt64, _ body: LocalAnswer.Body) {
        channel?.send(LocalAnswer(id: request, body: body))
    }

    func send(_ request: UInt64, _ error: FluxonError) {
        send(request, .failed(code: error.code.rawValue, message: error.description.limited(to: Limits.messageTextBytes)))
    }

    // MARK: The end

    /// The process is dead, or says that it neither maps nor pins anything: everything comes back at once. What it committed goes on.
    func end() {
        guard !isOver else { return }
        isOver = true
        deathWatch?.cancel()
        deathWatch = nil
        disconnect(RPCStatus(.ok, ""))
        let estate = ledger.end()
        for extent in estate.extents { _ = try? pool.release(extent) }
        for entry in estate.entries { pool.unhold(entry) }
        service?.remove(self)
    }
}

extension Array {
    /// The same elements in arrays of at most `count`.
    func parts(of count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
    }
}
