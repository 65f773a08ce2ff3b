import CVerbs
import FluxonCore
import FluxonSystem

/// What the connection manager has to say about one connection.
enum ConnectionEvent {
    case addressResolved
    case routeResolved
    /// For a listener: the connection to accept or reject, and how many reads its asker wants to have on their way.
    case requested(ConnectionID, reads: Int)
    case established
    case disconnected
    case failed(String)
    case deviceRemoved
}

/// The connection manager (rdma_cm) on one loop.
final class ConnectionChannel {
    let handle: OpaquePointer
    private var registration: Registration?
    private var handlers: [UInt64: (ConnectionEvent) -> Void] = [:]
    private var nextTag: UInt64 = 1

    init(loop: EventLoop) throws(SystemError) {
        var channel: OpaquePointer?
        _ = try verb(cfluxon_rdma_event_channel_create(&channel), "open the RDMA connection manager", advice: VerbsDevices.advice)
        guard let channel else { throw SystemError("open the RDMA connection manager", errno: 0) }
        handle = channel
        registration = try loop.register(cfluxon_rdma_event_channel_descriptor(channel), .readable) { [unowned self] _ in report() }
    }

    deinit { cfluxon_rdma_event_channel_destroy(handle) }

    /// No event comes after this.
    func close() {
        registration?.cancel()
        registration = nil
    }

    fileprivate func add(_ handler: @escaping (ConnectionEvent) -> Void) -> UInt64 {
        defer { nextTag += 1 }
        handlers[nextTag] = handler
        return nextTag
    }

    fileprivate func remove(_ tag: UInt64) { handlers[tag] = nil }

    private func report() {
        var event = cfluxon_rdma_event()
        while registration != nil, cfluxon_rdma_next_event(handle, &event) == 1 {
            let handler = handlers[event.tag]
            if let request = event.request {
                let id = ConnectionID(adopting: request, channel: self)
                if let handler { handler(.requested(id, reads: Int(event.reads))) } else { id.reject() }
            } else if let event = ConnectionEvent(event) {
                handler?(event)
            }
        }
    }
}

extension ConnectionEvent {
    /// Nil for events that nobody acts on.
    fileprivate init?(_ raw: cfluxon_rdma_event) {
        switch raw.kind {
        case cfluxon_rdma_event_address_resolved.rawValue: self = .addressResolved
        case cfluxon_rdma_event_route_resolved.rawValue: self = .routeResolved
        case cfluxon_rdma_event_established.rawValue: self = .established
        case cfluxon_rdma_event_disconnected.rawValue: self = .disconnected
        case cfluxon_rdma_event_device_removed.rawValue: self = .deviceRemoved
        case cfluxon_rdma_event_failed.rawValue:
            // Positive numbers are the peer's or the fabric's word: nobody listens there is 8.
            self = .failed(raw.status < 0 ? SystemError.message(-raw.status) : "refused by the peer (reason \(raw.status))")
        default: return nil
        }
    }
}

/// One connection of the connection manager, or a listener. On the loop only.
final class ConnectionID {
    let handle: OpaquePointer
    private let channel: ConnectionChannel
    private var tag: UInt64 = 0
    private var isDestroyed = false

    init(_ channel: ConnectionChannel) throws(SystemError) {
        var id: OpaquePointer?
        _ = try verb(cfluxon_rdma_id_create(channel.handle, 0, &id), "make an RDMA connection")
        guard let id else { throw SystemError("make an RDMA connection", errno: 0) }
        handle = id
        self.channel = channel
    }

    fileprivate init(adopting handle: OpaquePointer, channel: ConnectionChannel) {
        self.handle = handle
        self.channel = channel
        cfluxon_rdma_id_set_tag(handle, 0)
    }

    deinit { destroy() }

    /// Sends the events of this connection to `handler` from now on.
    func onEvent(_ handler: @escaping (ConnectionEvent) -> Void) {
        tag = channel.add(handler)
        cfluxon_rdma_id_set_tag(handle, tag)
    }

    /// No event comes after this. Its queue pair must be gone.
    func destroy() {
        guard !isDestroyed else { return }
        isDestroyed = true
        channel.remove(tag)
        cfluxon_rdma_id_destroy(handle)
    }

    /// The device that it goes over, once an address is known.
    var context: OpaquePointer? { cfluxon_rdma_id_context(handle) }

    /// - Returns: The port that was taken.
    func listen(on address: ResolvedAddress, backlog: Int) throws(SystemError) -> UInt16 {
        let port = address.withSocketAddress { cfluxon_rdma_listen(handle, $0, CInt(backlog)) }
        return UInt16(clamping: try verb(port, "listen for RDMA connections on \(address)"))
    }

    func resolve(from: ResolvedAddress, to: ResolvedAddress, patience: Duration) throws(SystemError) {
        let milliseconds = CInt(clamping: patience.clampedNanoseconds / 1_000_000)
        let result = from.withSocketAddress { source in
            to.withSocketAddress { target in cfluxon_rdma_resolve_address(handle, source, target, milliseconds) }
        }
        _ = try verb(result, "find an RDMA way from \(from) to \(to)")
    }

    func resolveRoute(acknowledgementExponent: UInt8, patience: Duration) throws(SystemError) {
        let milliseconds = CInt(clamping: patience.clampedNanoseconds / 1_000_000)
        _ = try verb(cfluxon_rdma_resolve_route(handle, acknowledgementExponent, milliseconds), "find an RDMA route")
    }

    func connect(reads: Int, retries: UInt8) throws(SystemError) {
        _ = try verb(cfluxon_rdma_connect(handle, UInt8(clamping: reads), retries), "connect over RDMA")
    }

    func accept(reads: Int, retries: UInt8) throws(SystemError) {
        _ = try verb(cfluxon_rdma_accept(handle, UInt8(clamping: reads), retries), "accept an RDMA connection")
    }

    func reject() {
        _ = cfluxon_rdma_reject(handle)
        destroy()
    }

    /// Work that was posted comes back as failed completions. Harmless when the peer went first.
    func disconnect() { _ = cfluxon_rdma_disconnect(handle) }
}
