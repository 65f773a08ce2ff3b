import FluxonCore
import FluxonSystem

/// RDMA beside TCP.
extension TransferActor {
    /// Memory that other owners read from and this one reads into, in place until `close` was called and every fetch has ended.
    package struct RDMAMemory: @unchecked Sendable {
        // SAFETY: the pool's mapping, which its owner keeps for as long as this actor; devices alone touch it, as tickets and
        // destinations allow.
        let bytes: [UnsafeMutableRawBufferPointer]

        package init(_ bytes: [UnsafeMutableRawBufferPointer]) { self.bytes = bytes }
    }

    /// Has values go by RDMA wherever this machine and the peer have a device, from the first `apply` of settings on.
    ///
    /// - Parameters:
    ///   - choose: Which of the devices found are used, best first. Called with none on a machine without.
    ///   - onEvent: Told of what happens to devices and paths.
    /// - Returns: Whether the machine has devices, usable or not.
    /// - Throws: What `choose` throws.
    package func openRDMA(
        _ memory: RDMAMemory, choose: ([String]) throws -> [String], onEvent: @escaping (RDMAEvent) -> Void
    ) throws -> Bool {
        let paths = paths
        let tcp = paths.transports
        let surroundings = RDMAService.Surroundings(
            loop: loop, cluster: cluster, owner: owner, limits: limits, source: tickets, memory: memory.bytes,
            paths: pathNumbers,
            onChange: { paths.transports = $0 + tcp },
            onServed: { paths.served($0, to: $1.instance, byteCount: UInt64($2)) }, onEvent: onEvent)
        do {
            guard let service = try RDMAService.open(surroundings, choose: choose) else { return false }
            rdma = service
            use(service)
        } catch let error as SystemError {
            onEvent(.unusable("\(error)"))
        }
        return true
    }

    /// Where others read from this owner by RDMA now, to be told with each ticket. Empty: nowhere.
    package var rdmaAddresses: String { rdma?.addresses ?? "" }

    /// By what `TransferPeer.addresses` names it.
    package static var rdmaKind: String { RDMATransport.kind }
}
