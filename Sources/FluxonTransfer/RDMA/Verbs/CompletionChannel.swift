import CVerbs
import FluxonSystem

/// Tells which queue pairs of one device have completions. On the loop only.
final class CompletionChannel {
    let handle: OpaquePointer
    private var registration: Registration?
    private var queues: [UInt64: () -> Void] = [:]
    private var nextTag: UInt64 = 1

    init(_ context: OpaquePointer, loop: EventLoop) throws(SystemError) {
        var channel: OpaquePointer?
        _ = try verb(cfluxon_rdma_completion_channel_create(context, &channel), "make a completion channel")
        guard let channel else { throw SystemError("make a completion channel", errno: 0) }
        handle = channel
        registration = try loop.register(cfluxon_rdma_completion_channel_descriptor(channel), .readable) { [unowned self] _ in report() }
    }

    deinit { cfluxon_rdma_completion_channel_destroy(handle) }

    /// No report comes after this. Every queue must be gone before this object.
    func close() {
        registration?.cancel()
        registration = nil
    }

    /// - Returns: The tag of a queue whose completions are reported to `body`.
    func add(_ body: @escaping () -> Void) -> UInt64 {
        defer { nextTag += 1 }
        queues[nextTag] = body
        return nextTag
    }

    func remove(_ tag: UInt64) { queues[tag] = nil }

    private func report() {
        var tag: UInt64 = 0
        while cfluxon_rdma_completion_channel_next(handle, &tag) == 1 { queues[tag]?() }
    }
}
