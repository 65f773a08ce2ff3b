package import FluxonCore
package import FluxonPool
internal import FluxonRPC
package import FluxonSystem

/// A store's connection to an owner that says whatever it is told to say, without sockets; the pool is real. For fuzzing and tests; on the
/// loop only.
package final class OwnerLinkProbe {
    /// The owner's side: what is granted and handed over in earnest comes from here.
    package let pool: Pool
    private let shared: Pool.Attachment
    private let link: OwnerLink
    private let loop: EventLoop
    private let maps: Bool
    private let mayWrite: Bool
    private var stream: RPCStream?
    private var views: [PoolView] = []
    private var generation: UInt64 = 1
    private var calls: [PendingCall] = []
    private var endedCount = 0
    /// What puts may still use, and what gets gave.
    private var slots: [WriteSlot] = []
    private var values: [Value] = []
    /// Why calls failed, in order.
    package private(set) var failures: [FluxonError] = []

    private static let process: UInt64 = 1
    /// How long each call waits: longer than any input.
    private static let patience = Duration.seconds(60)

    /// - Parameters:
    ///   - maps: Whether the process maps the pool; else its values are copied.
    ///   - mayWrite: Whether it writes into extents of its own.
    package init(loop: EventLoop, capacityBytes: Int, maps: Bool, mayWrite: Bool) throws {
        self.loop = loop
        self.maps = maps
        self.mayWrite = mayWrite
        pool = try Pool(PoolStorage.anonymous(capacityBytes: capacityBytes, hashSeed: 7), epoch: 1)
        pool.setDeadline(BootInstant(nanoseconds: .max - 1))
        shared = try pool.attach(process: Self.process, canPut: mayWrite)
        link = OwnerLink(loop: loop, target: AttachTarget(path: "/fluxon-probe/nobody"), options: Store.Options())
    }

    // MARK: The owner

    /// The owner's connection, first or anew: to the same session, or to one of another life of the owner.
    package func attach(resumes: Bool) throws {
        stream?.cancel()
        let new = RPCStream(path: MethodPath.localSession, metadata: RPCMetadata(), limits: RPCLimits())
        let local = LocalStream(probing: new, loop: loop)
        let isResumed = resumes && link.attachment != nil
        let attachment = isResumed ? link.attachment : try makeAttachment()
        guard let attachment else { return }
        stream = new
        link.begin(local, attachment)
    }

    private func makeAttachment() throws -> Attachment {
        generation += 1
        let view = maps ? try PoolView(pool: shared.pool, pins: shared.pins, heat: shared.heat, grantedPins: shared.grantedPins) : nil
        if let view { views.append(view) }
        let arena = maps && mayWrite ? try WriteArena(pool: shared.pool) : nil
        return Attachment(
            session: 1, generation: generation, clusterName: "probe", ownerName: "owner", poolByteCount: .max, view: view, arena: arena)
    }

    package func receive(_ message: [UInt8]) { stream?.onMessage?(message) }

    /// An extent of the process's pages with the spans that it shall map first, as an owner grants it; nil when the pool is full.
    package func grant(_ byteCount: Int) -> LocalAnswer.Grant? {
        guard let extent = try? pool.allocate(byteCount, tenant: .process(Self.process)) else { return nil }
        let spans = pool.takeGrantedSpans(of: Self.process).map { LocalExtent(offset: $0.offset, capacity: $0.byteCount) }
        return LocalAnswer.Grant(extents: [LocalExtent(offset: extent.offset, capacity: extent.capacity)], spans: spans)
    }

    // MARK: The process

    /// Bytes of extents that are kept for puts to come.
    package var keptBytes: UInt64 { link.attachment?.cache.byteCount ?? 0 }

    /// The number of the `index`th call, as the owner sees it; zero when there was none.
    package func number(of index: Int) -> UInt64 { calls.indices.contains(index) ? calls[index].id : 0 }

    package var callCount: Int { calls.count }

    package func reserve(_ byteCount: UInt64, count: UInt64) { begin(.reserve(byteCount: byteCount, count: count)) }

    package func get(_ key: [UInt8], isLocal: Bool) { begin(.get(.init(key: key, isLocal: isLocal, isCopied: false))) }

    package func inspect(_ key: [UInt8]) { begin(.inspect(key: key)) }

    package func remove(_ key: [UInt8]) { begin(.remove(.init(counter: 0, key: key, condition: .none))) }

    /// Puts `byteCount` bytes as a store does: from the extents at hand or from a slot that a reservation gave; nothing when there is none.
    package func put(_ key: [UInt8], _ byteCount: Int) {
        guard let attachment = link.attachment, let slot = slot(byteCount, attachment) else { return }
        slot.bytes.initializeMemory(as: UInt8.self, repeating: 7)
        let length = UInt64(slot.bytes.count)
        switch slot.place {
        case .extent(let extent):
            let place = LocalExtent(offset: extent.offset, capacity: extent.capacity)
            begin(.commit(.init(counter: 0, key: key, extent: place, length: length, condition: .none)), of: slot.attachment)
        case .buffer(let buffer):
            begin(.upload(.init(counter: 0, key: key, length: length, offset: 0, bytes: [], condition: .none)), upload: buffer)
        }
    }

    private func slot(_ byteCount: Int, _ attachment: Attachment) -> WriteSlot? {
        if attachment.arena == nil { return WriteSlot(buffering: byteCount, for: attachment) }
        if let extent = attachment.cache.take(byteCount) { return WriteSlot(extent, byteCount: byteCount, of: attachment) }
        guard let slot = slots.popLast() else { return nil }
        guard case .extent(let extent) = slot.place else { return slot }
        // Nobody defends a put against an owner that takes the memory back under its hand: it could as well cut the pool's file.
        return WriteSlot(extent, byteCount: slot.bytes.count, of: slot.attachment)
    }

    package func cancel(_ index: Int) { if calls.indices.contains(index) { link.cancel(calls[index]) } }

    /// Lets go of the values that gets gave.
    package func dropValues() { values = [] }

    private func begin(_ body: LocalRequest.Body, of attachment: Attachment? = nil, upload: UploadBuffer? = nil) {
        let call = PendingCall(body, deadline: loop.now.advanced(by: Self.patience), attachment: attachment, upload: upload)
        call.wait(with: .closure { [unowned self] in ended($0) })
        calls.append(call)
        link.begin(call)
    }

    private func ended(_ result: CallResult) {
        endedCount += 1
        switch result {
        case .slot(let slot):
            // Memory that the owner granted can be written, whatever it granted.
            slot.bytes.initializeMemory(as: UInt8.self, repeating: 1)
            slots.append(slot)
        case .value(let value):
            // And what it shows can be read, from one end to the other.
            let ends = value.withBytes { $0.withUnsafeBytes { bytes in [bytes.first, bytes.last] } }
            values.append(value)
            withExtendedLifetime(ends) {}
        case .failed(let error): failures.append(error)
        case .outcome, .described, .absent, .stale: break
        }
    }

    /// The store is closed.
    ///
    /// - Returns: What is not as it should be then; nil when all is well.
    package func end() -> String? {
        let granted = keptBytes
        let limit = link.attachment?.arena?.byteCount ?? 0
        link.close {}
        stream?.cancel()
        values = []
        let pins = views.reduce(0) { $0 + $1.heldPins }
        if granted > limit { return "\(granted) bytes of extents are kept, of a pool of \(limit)" }
        if pins > 0 { return "\(pins) pins are left of values that nobody holds" }
        return endedCount == calls.count ? nil : "\(endedCount) of \(calls.count) calls ended"
    }
}
