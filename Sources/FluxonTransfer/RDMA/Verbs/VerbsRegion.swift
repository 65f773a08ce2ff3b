import CVerbs
import FluxonSystem

/// Memory that an RDMA device may read or write, until this goes.
final class VerbsRegion {
    private let handle: OpaquePointer
    private var isDeregistered = false
    let start: UInt
    let byteCount: Int
    let localKey: UInt32
    let remoteKey: UInt32

    /// - Parameters:
    ///   - bytes: In place for as long as this lives.
    ///   - isReadable: Whether peers may read it. None may ever write.
    ///   - onDemand: Whether its pages stay the kernel's to move.
    init(_ domain: OpaquePointer, _ bytes: UnsafeMutableRawBufferPointer, isReadable: Bool, onDemand: Bool = false) throws(SystemError) {
        var region: OpaquePointer?
        _ = try verb(
            cfluxon_rdma_register(
                domain, bytes.baseAddress, UInt64(bytes.count), isReadable ? 1 : 0, onDemand ? 1 : 0, &region),
            "register \(bytes.count) bytes with an RDMA device")
        guard let region else { throw SystemError("register \(bytes.count) bytes with an RDMA device", errno: 0) }
        handle = region
        start = UInt(bitPattern: bytes.baseAddress)
        byteCount = bytes.count
        localKey = cfluxon_rdma_local_key(region)
        remoteKey = cfluxon_rdma_remote_key(region)
    }

    deinit { deregister() }

    /// The device forgets it, earlier than this goes.
    func deregister() {
        guard !isDeregistered else { return }
        isDeregistered = true
        _ = cfluxon_rdma_deregister(handle)
    }

    var end: UInt { start + UInt(byteCount) }
}
