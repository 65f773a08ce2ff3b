import FluxonCore
import FluxonSystem
import Glibc
import Testing

@testable import FluxonTransfer

/// Two ends on one real RDMA device (Soft-RoCE in the machine of scripts/rdma-vm), each source with a listener of its own. On the loop only.
final class VerbsStage {
    private let loop: EventLoop
    private let rail: RDMARail
    /// The source's own, on the same device: what one forgets the other knows.
    private let sourceRail: RDMARail
    private let devices: VerbsDevices
    private let channel: ConnectionChannel
    private let source: any TransferSource
    private let limits: TransferLimits
    private var transport: RDMATransport?
    private var servers: [String: (server: RDMAServer, fault: StageFault?)] = [:]
    /// What the device knows must stay where it is.
    private var registered: [ObjectIdentifier: TestMemory] = [:]
    private let paths = PathNumbers()

    init(loop: EventLoop, source: any TransferSource, limits: TransferLimits) throws {
        self.loop = loop
        self.source = source
        self.limits = Self.adjusted(limits)
        devices = try VerbsDevices()
        channel = try ConnectionChannel(loop: loop)
        let reaper = try VerbsReaper()
        let found = try #require(RDMADiscovery(devices).usable.first)
        rail = try RDMARail(found, devices: devices, reaper: reaper, loop: loop)
        sourceRail = try RDMARail(found, devices: devices, reaper: reaper, loop: loop)
    }

    /// Pieces as small as chunks, so that a value has many and faults come between them.
    private static func adjusted(_ limits: TransferLimits) -> TransferLimits {
        var limits = limits
        if limits.readPieceBytes == TransferLimits().readPieceBytes {
            limits.readPieceBytes = limits.chunkBytes
            limits.readPiecesInFlight = 4
        }
        // An emulated machine is slow to connect.
        limits.connectPatience = .seconds(5)
        return limits
    }

    func makeTransport(cluster: String, asker: Asker) -> RDMATransport {
        let transport = RDMATransport(
            rail: rail, position: 0, channel: channel, loop: loop, cluster: cluster, asker: asker, limits: limits)
        self.transport = transport
        return transport
    }

    func rawAsker() throws -> RawVerbsAsker { try RawVerbsAsker(rail: rail, channel: channel) }

    func address(_ fault: StageFault?) throws -> String {
        if fault == nil, let known = servers.first(where: { $0.value.fault == nil }) { return known.key }
        let server = RDMAServer(
            rail: sourceRail, channel: channel, loop: loop, cluster: "c", source: source, limits: limits, paths: paths)
        let address = "\(try server.listen())"
        if case .unreachable = fault { server.close() } else { servers[address] = (server, fault) }
        return address
    }

    func register(_ memory: TestMemory) throws {
        guard registered.updateValue(memory, forKey: ObjectIdentifier(memory)) == nil else { return }
        for rail in [rail, sourceRail] { try rail.register(memory.everything) }
    }

    /// Breaks the way to `address` when enough of `read` has come, as its fault says.
    func watch(_ read: any RunningRead, at address: String) {
        guard let read = read as? RDMARead, let (server, fault) = servers[address] else { return }
        let limit: Int
        switch fault {
        case .killed(let bytes), .silent(let bytes), .forgotten(let bytes): limit = bytes
        case .unreachable, .damaged, nil: return
        }
        guard !read.isEnded else { return }
        guard read.arrived >= limit else { return loop.inNextTick { [weak self] in self?.watch(read, at: address) } }
        switch fault {
        case .silent: server.fallSilent()
        case .forgotten: sourceRail.forgetMemory()
        case .killed, .unreachable, .damaged, nil: server.close()
        }
    }

    /// Whether the transport, once closed, has let go of everything.
    var isIdle: Bool {
        let sources = servers.values.allSatisfy { $0.server.connectionCount == 0 }
        return (transport?.isIdle ?? true) && sources && rail.burials + sourceRail.burials == 0
    }

    func closeSources() {
        for (server, _) in servers.values { server.closeNow() }
    }

    func close() {
        servers = [:]
        channel.close()
        rail.close()
        sourceRail.close()
    }
}

/// What the program that started this process says about the machine.
enum TestMachine {
    static let hasVerbs = getenv("FLUXON_VERBS") != nil
}
