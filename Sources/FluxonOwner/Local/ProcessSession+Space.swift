import FluxonCore
import FluxonPool
import FluxonSystem

/// A reservation or an upload that waits until space comes back.
struct WaitingRequest {
    let request: LocalRequest
    let byteCount: Int
    let timer: LoopTimer
}

extension ProcessSession {
    /// Larger extents are asked for one by one: their round trip is small against the copying.
    static let refillBytesLimit: UInt64 = 1 << 20

    /// What one process may hold unwritten before it gets no more than it needs at once.
    private var hoardLimit: UInt64 { UInt64(capacityBytes / 16) }

    func reserve(_ request: LocalRequest, byteCount: UInt64) {
        guard mayWrite else {
            return send(request.id, FluxonError(.permissionDenied, "this process may not write into the pool; its puts go by copies"))
        }
        guard byteCount <= UInt64(capacityBytes) else {
            return send(request.id, Self.tooLarge(byteCount, capacity: capacityBytes))
        }
        guard !grant(request, evicts: true) else { return }
        wait(for: Int(byteCount), request)
    }

    /// Eviction alone did not help: pages that lie idle at processes may, once those have unmapped them (F1), and what readers let go of.
    func wait(for byteCount: Int, _ request: LocalRequest) {
        guard waiting.count < Limits.localReservations else { return refuse(request, forWantOf: byteCount) }
        let timer = loop.schedule(after: Limits.spaceWait) { [weak self] in self?.giveUp(request.id) }
        waiting.append(WaitingRequest(request: request, byteCount: byteCount, timer: timer))
        service?.spaceIsShort(byteCount)
    }

    /// Space came back, or there was time to let go of some.
    ///
    /// - Parameter evicts: makes room; else takes what there is.
    func retryWaiting(evicts: Bool) {
        let list = waiting
        waiting = []
        for one in list {
            if satisfy(one.request, evicts: evicts) { one.timer.cancel() } else { waiting.append(one) }
        }
    }

    /// False when there is no room for it.
    private func satisfy(_ request: LocalRequest, evicts: Bool) -> Bool {
        switch request.body {
        case .reserve: return grant(request, evicts: evicts)
        case .upload(let upload): return receive(upload, request, evicts: evicts)
        default: return true
        }
    }

    private func giveUp(_ request: UInt64) {
        guard let index = waiting.firstIndex(where: { $0.request.id == request }) else { return }
        let one = waiting.remove(at: index)
        refuse(one.request, forWantOf: one.byteCount)
    }

    private func refuse(_ request: LocalRequest, forWantOf byteCount: Int) {
        guard case .upload(let upload) = request.body else { return send(request.id, exhausted(byteCount)) }
        refuse(request, upload.counter, exhausted(byteCount))
    }

    func exhausted(_ byteCount: Int) -> FluxonError {
        let report = service.map { "\($0.spaceReport)" } ?? "its owner stops"
        let text = "no room for \(byteCount) bytes in the owner's pool, and nothing more can be evicted: \(report)"
        return FluxonError(.poolExhausted, text + "; remove values, let go of held ones, or raise contribute_to_cluster_pool_size")
    }

    static func tooLarge(_ byteCount: UInt64, capacity: Int) -> FluxonError {
        let text = "a value of \(byteCount) bytes is larger than the owner's pool of \(capacity) bytes"
        return FluxonError(.valueTooLarge, text + "; split it, or raise contribute_to_cluster_pool_size")
    }

    /// Sends one extent at least, or for a small value none: then it comes by the socket, into memory of the owner's, of which every free
    /// slot will do. False when there is no room.
    private func grant(_ request: LocalRequest, evicts: Bool) -> Bool {
        guard case .reserve(let wanted, let count) = request.body, let byteCount = Int(exactly: wanted) else { return true }
        guard
            let first = pool.allocate(byteCount, tenant: .process(number), waits: byteCount > Limits.socketPutBytes, evicts ? backend : nil)
        else {
            guard byteCount <= Limits.socketPutBytes else { return false }
            send(request.id, .granted(.init()))
            return true
        }
        ledger.grant(first)
        var extents = [LocalExtent(first)]
        let most = Int(clamping: min(max(count, 1), UInt64(Limits.localExtents / 2)))
        while extents.count < most, ledger.grantedBytes < hoardLimit,
            let extent = try? pool.allocate(byteCount, tenant: .process(number))
        {
            ledger.grant(extent)
            extents.append(LocalExtent(extent))
        }
        send(request.id, .granted(.init(extents: extents, spans: takeSpans())))
        return true
    }

    /// Another extent of the class that an operation used up, if that is to be had at once.
    func refillGrant(like used: Extent) -> LocalAnswer.Grant {
        guard mayWrite, used.capacity <= Self.refillBytesLimit, ledger.grantedBytes < hoardLimit,
            let extent = try? pool.allocate(Int(clamping: used.capacity), tenant: .process(number))
        else { return LocalAnswer.Grant() }
        ledger.grant(extent)
        return LocalAnswer.Grant(extents: [LocalExtent(extent)], spans: takeSpans())
    }

    private func takeSpans() -> [LocalExtent] { pool.takeGrantedSpans(of: number).map { LocalExtent($0) } }

    /// Who could not pin has, as a rule, no free pin word left (P7). Gets that failed before the last grant arrived ask for no other.
    func grantPinWords(known: UInt64) {
        guard known >= pinWords, let count = try? pool.grantPins(process: number) else { return }
        pinWords = UInt64(count)
        send(0, .pinWords(pinWords))
    }

    // MARK: What the process does not use

    /// Bytes that the process would give back if it were asked.
    var reclaimableBytes: Int {
        mayWrite && channel != nil ? pool.idleBytes(of: number) + Int(clamping: ledger.grantedBytes) : 0
    }

    /// Asks the process for what it does not use: its free pages, which it unmaps, and the extents that no put of its uses yet, whose pages
    /// are asked for when they are free. A stopped one keeps all (F1).
    func recallIdleSpans() {
        guard mayWrite, channel != nil else { return }
        let spans = pool.withdrawIdleSpans(of: number, limit: Limits.localExtents).map { LocalExtent($0) }
        guard !spans.isEmpty || ledger.grantedCount > 0 && !isRecalled else { return }
        isRecalled = true
        send(0, .recall(spans))
    }

    /// The process gave extents back, or says that it unmapped what it was asked for.
    func gaveBack() {
        // The extents' pages may be free now, and are the process's until it has unmapped them.
        if isRecalled, service?.isSpaceShort ?? false { recallIdleSpans() }
        isRecalled = false
        pool.setAnswers(true, of: number)
        service?.spaceReturned()
    }

    /// It was asked a while ago, and is stopped, or has nothing to give: it is asked again, and nothing counts on it until it answers.
    func wasSilent() {
        isRecalled = false
        pool.setAnswers(false, of: number)
    }
}

extension Pool {
    /// An extent, evicting at `backend` where it is given; nil when there is none.
    func allocate(_ byteCount: Int, tenant: Tenant, waits: Bool, _ backend: (any LocalBackend)?) -> Extent? {
        guard let backend else { return try? allocate(byteCount, tenant: tenant) }
        return try? allocate(byteCount, tenant: tenant, waits: waits) { backend.evict($0) }
    }
}

extension LocalExtent {
    init(_ extent: Extent) { self.init(offset: extent.offset, capacity: extent.capacity) }
    init(_ span: PoolSpan) { self.init(offset: span.offset, capacity: span.byteCount) }
}
