import FluxonCore
import FluxonSystem

/// The RDMA side of one owner: its devices, each with a way of reading and a way of being read. On the loop only.
///
///     devices found ─▶ rails (memory registered) ─▶ RDMATransport (reads from others) + RDMAServer (is read from)
final class RDMAService {
    /// One device in use.
    private struct Lane {
        let rail: RDMARail
        let transport: RDMATransport
        let server: RDMAServer
        let address: SocketAddress
        let events: Registration?
    }

    private let loop: EventLoop
    private let devices: VerbsDevices
    private let channel: ConnectionChannel
    let discovery: RDMADiscovery
    private var lanes: [Lane] = []
    /// Devices that could not be used, with what to do.
    private(set) var failures: [String] = []

    /// Nil on a machine without any RDMA device: one look into a folder.
    ///
    /// - Throws: Where there are devices that this process cannot open.
    static func open(loop: EventLoop) throws(SystemError) -> RDMAService? {
        guard VerbsDevices.kernelHasAny else { return nil }
        return try RDMAService(loop: loop)
    }

    private init(loop: EventLoop) throws(SystemError) {
        self.loop = loop
        devices = try VerbsDevices()
        channel = try ConnectionChannel(loop: loop)
        discovery = RDMADiscovery(devices)
    }

    /// Where other owners read from this one: the form of `TransferPeer.addresses["rdma"]`. Empty: nowhere.
    var addresses: String { lanes.map { "\($0.address)" }.joined(separator: " ") }

    var transports: [RDMATransport] { lanes.map(\.transport) }
    var connectionCount: Int { lanes.reduce(0) { $0 + $1.server.connectionCount } }
    var rails: [RDMARail] { lanes.map(\.rail) }

    /// Opens every usable device, registers `memory` with it, and lets others read from there what tickets stand for.
    func start(
        memory: [UnsafeMutableRawBufferPointer], cluster: String, owner: Asker, source: any TransferSource, limits: TransferLimits,
        newPath: @escaping () -> PathID
    ) {
        failures = discovery.failures.map(\.description) + discovery.unusable.map { "\($0.port.name): \($0.reason)" }
        for found in discovery.usable {
            do throws(SystemError) {
                let rail = try RDMARail(found, devices: devices, loop: loop, busyPoll: limits.busyPoll)
                for bytes in memory { try rail.register(bytes) }
                let server = RDMAServer(
                    rail: rail, channel: channel, loop: loop, cluster: cluster, source: source, limits: limits, newPath: newPath)
                let address = try server.listen()
                let transport = RDMATransport(
                    rail: rail, position: lanes.count, channel: channel, loop: loop, cluster: cluster, asker: owner, limits: limits)
                lanes.append(
                    Lane(rail: rail, transport: transport, server: server, address: address, events: try watch(rail, transport)))
            } catch {
                failures.append("\(error)")
            }
        }
    }

    private func watch(_ rail: RDMARail, _ transport: RDMATransport) throws(SystemError) -> Registration {
        try rail.watchEvents { [weak transport] isActive in
            if isActive { transport?.linkCameUp() } else { transport?.linkWentDown() }
        }
    }

    func sessionEnded(of asker: Asker) {
        for lane in lanes { lane.server.close(asker) }
    }

    /// Ends every path: those of readers within this call, its own reads in later turns, when their destinations are free.
    func close() {
        for lane in lanes {
            lane.events?.cancel()
            lane.server.closeNow()
            lane.transport.close()
        }
    }
}
