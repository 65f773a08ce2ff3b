import FluxonCore
import FluxonPool
import FluxonSystem

/// A reservation that waits until another process lets go of idle pages.
struct WaitingReservation {
    let request: LocalRequest
    let byteCount: Int
    let count: Int
    let timer: LoopTimer
}

extension ProcessSession {
    /// Larger extents are asked for one by one: their round trip is small against the copying.
    static let refillBytesLimit: UInt64 = 1 << 20
    /// How long a reservation waits for other processes to unmap idle pages.
    static let recallWait = Duration.milliseconds(500)

    /// What one process may hold unwritten before it gets no more than it needs at once.
    private var hoardLimit: UInt64 { UInt64(capacityBytes / 16) }

    func reserve(_ request: LocalRequest, byteCount: UInt64, count: UInt64) {
        guard mayWrite else {
            return send(request.id, FluxonError(.permissionDenied, "this process may not write into the pool; its puts go by copies"))
        }
        guard byteCount <= UInt64(capacityBytes) else {
            return send(request.id, Self.tooLarge(byteCount, capacity: capacityBytes))
        }
        let count = Int(clamping: min(max(count, 1), UInt64(Limits.localExtents / 2)))
        guard !grant(request, byteCount: Int(byteCount), count: count) else { return }
        guard waitingReservations.count < Limits.localReservations else { return send(request.id, exhausted(Int(byteCount))) }
        // Eviction alone did not help. Pages that lie idle at other processes may, once those have unmapped them (F1).
        service?.recallIdleSpans(except: self)
        let timer = loop.schedule(after: Self.recallWait) { [weak self] in self?.giveUp(request.id, byteCount: Int(byteCount)) }
        waitingReservations.append(WaitingReservation(request: request, byteCount: Int(byteCount), count: count, timer: timer))
    }

    /// Somebody gave pages back.
    func retryReservations() {
        let waiting = waitingReservations
        waitingReservations = []
        for one in waiting {
            if grant(one.request, byteCount: one.byteCount, count: one.count) {
                one.timer.cancel()
            } else {
                waitingReservations.append(one)
            }
        }
    }

    private func giveUp(_ request: UInt64, byteCount: Int) {
        guard let index = waitingReservations.firstIndex(where: { $0.request.id == request }) else { return }
        waitingReservations.remove(at: index)
        send(request, exhausted(byteCount))
    }

    func exhausted(_ byteCount: Int) -> FluxonError {
        let statistics = pool.statistics
        let text =
            "no free run of \(byteCount) bytes in the owner's pool: \(statistics.liveBytes) of "
            + "\(statistics.capacityBytes) bytes are in use and nothing more can be evicted"
        return FluxonError(.poolExhausted, text + "; remove values, let go of held ones, or raise contribute_to_cluster_pool_size")
    }

    static func tooLarge(_ byteCount: UInt64, capacity: Int) -> FluxonError {
        let text = "a value of \(byteCount) bytes is larger than the owner's pool of \(capacity) bytes"
        return FluxonError(.valueTooLarge, text + "; split it, or raise contribute_to_cluster_pool_size")
    }

    /// Sends one extent at least; false when there is none.
    private func grant(_ request: LocalRequest, byteCount: Int, count: Int) -> Bool {
        guard let first = allocate(byteCount) else { return false }
        ledger.grant(first)
        var extents = [LocalExtent(first)]
        while extents.count < count, ledger.grantedBytes < hoardLimit,
            let extent = try? pool.allocate(byteCount, tenant: .process(number))
        {
            ledger.grant(extent)
            extents.append(LocalExtent(extent))
        }
        send(request.id, .granted(.init(extents: extents, spans: takeSpans())))
        return true
    }

    /// An extent of this process's pages, evicting if need be.
    private func allocate(_ byteCount: Int) -> Extent? {
        let tenant = Tenant.process(number)
        if let extent = try? pool.allocate(byteCount, tenant: tenant) { return extent }
        if pool.collect() > 0, let extent = try? pool.allocate(byteCount, tenant: tenant) { return extent }
        while backend.makeRoom(byteCount: byteCount, for: tenant) {
            pool.collect()
            if let extent = try? pool.allocate(byteCount, tenant: tenant) { return extent }
        }
        return nil
    }

    /// Another extent of the class that an operation used up, if that is to be had at once.
    func refillGrant(like used: Extent) -> LocalAnswer.Grant {
        guard mayWrite, used.capacity <= Self.refillBytesLimit, ledger.grantedBytes < hoardLimit,
            let extent = try? pool.allocate(Int(clamping: used.capacity), tenant: .process(number))
        else { return LocalAnswer.Grant() }
        ledger.grant(extent)
        return LocalAnswer.Grant(extents: [LocalExtent(extent)], spans: takeSpans())
    }

    private func takeSpans() -> [LocalExtent] {
        pool.takeGrantedSpans(of: number).map { LocalExtent(offset: $0.offset, capacity: $0.byteCount) }
    }

    /// Who could not pin has, as a rule, no free pin word left (P7). Gets that failed before the last grant arrived ask for no other.
    func grantPinWords(known: UInt64) {
        guard known >= pinWords, let count = try? pool.grantPins(process: number) else { return }
        pinWords = UInt64(count)
        send(0, .pinWords(pinWords))
    }

    /// Asks the process to unmap what of its pages is free. A stopped one keeps them (F1).
    func recallIdleSpans() {
        guard mayWrite, channel != nil else { return }
        let spans = pool.withdrawIdleSpans(of: number)
        if !spans.isEmpty { send(0, .recall(spans.map { LocalExtent(offset: $0.offset, capacity: $0.byteCount) })) }
    }
}

extension LocalExtent {
    init(_ extent: Extent) { self.init(offset: extent.offset, capacity: extent.capacity) }
}
