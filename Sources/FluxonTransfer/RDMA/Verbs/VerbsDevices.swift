import CVerbs
import FluxonSystem

/// The RDMA devices of this machine, open as long as this lives.
final class VerbsDevices {
    private let handle: OpaquePointer
    /// Each device's context.
    let contexts: [OpaquePointer]

    /// Whether the kernel knows any device: one look into a folder, so that a machine without RDMA pays for nothing more.
    static var kernelHasAny: Bool { cfluxon_rdma_kernel_has_devices() != 0 }

    init() throws(SystemError) {
        var opened: OpaquePointer?
        _ = try verb(cfluxon_rdma_devices_open(&opened), "open the RDMA devices", advice: Self.advice)
        guard let opened else { throw SystemError("open the RDMA devices", errno: 0, advice: Self.advice) }
        handle = opened
        contexts = (0..<cfluxon_rdma_device_count(opened)).compactMap { cfluxon_rdma_device(opened, $0) }
    }

    deinit { cfluxon_rdma_devices_close(handle) }

    /// What opening needs from the machine.
    static let advice =
        "load the kernel's rdma_ucm and ib_uverbs (modprobe rdma_ucm ib_uverbs) and let this user open /dev/infiniband/rdma_cm and "
        + "/dev/infiniband/uverbs*; in a container pass both (--device /dev/infiniband). Until then TCP is used"

    /// The ports of one device.
    static func ports(of context: OpaquePointer) throws(SystemError) -> [VerbsPort] {
        let count = try verb(cfluxon_rdma_ports(context), "ask an RDMA device for its ports")
        var ports: [VerbsPort] = []
        for number in 1...UInt32(max(count, 1)) { ports.append(try port(number, of: context)) }
        return ports
    }

    /// As it is now.
    static func port(_ number: UInt32, of context: OpaquePointer) throws(SystemError) -> VerbsPort {
        var raw = cfluxon_rdma_port()
        _ = try verb(cfluxon_rdma_describe(context, number, &raw), "ask an RDMA device about its port \(number)")
        var entries = [cfluxon_rdma_gid](repeating: cfluxon_rdma_gid(), count: 256)
        let found = try verb(
            cfluxon_rdma_gids(context, number, &entries, CInt(entries.count)), "ask an RDMA device for the addresses of its port \(number)")
        return VerbsPort(raw, port: number, gids: entries.prefix(Int(found)).map(GID.init))
    }
}

extension GID {
    fileprivate init(_ raw: cfluxon_rdma_gid) {
        var raw = raw
        let kind: Kind =
            switch raw.kind {
            case cfluxon_rdma_gid_roce_v2.rawValue: .roceV2
            case cfluxon_rdma_gid_roce_v1.rawValue: .roceV1
            default: .infiniBand
            }
        self.init(bytes: withUnsafeBytes(of: &raw.bytes) { Array($0) }, index: Int(raw.index), kind: kind)
    }
}

/// Turns "value or -errno" into a value or an error. The operation's words are made only for an error.
func verb(_ result: CInt, _ operation: @autoclosure () -> String, advice: @autoclosure () -> String = "") throws(SystemError) -> CInt {
    if result < 0 { throw SystemError(operation(), errno: -result, advice: advice()) }
    return result
}
