import FluxonCore
import FluxonSystem

/// One device in use, both ways. On the loop only.
final class RDMALane {
    let rail: RDMARail
    let transport: RDMATransport
    let server: RDMAServer
    /// Where askers reach it; nil before it is prepared.
    private(set) var address: SocketAddress?
    private var events: Registration?
    private let onEvent: (RDMAEvent) -> Void

    init(
        _ found: RDMADiscovery.Usable, position: Int, devices: VerbsDevices, channel: ConnectionChannel, reaper: VerbsReaper,
        _ surroundings: RDMAService.Surroundings
    ) throws(SystemError) {
        let loop = surroundings.loop
        onEvent = surroundings.onEvent
        rail = try RDMARail(found, devices: devices, reaper: reaper, loop: loop, busyPoll: surroundings.limits.busyPoll)
        server = RDMAServer(
            rail: rail, channel: channel, loop: loop, cluster: surroundings.cluster, source: surroundings.source,
            limits: surroundings.limits, paths: surroundings.paths)
        transport = RDMATransport(
            rail: rail, position: position, channel: channel, loop: loop, cluster: surroundings.cluster, asker: surroundings.owner,
            limits: surroundings.limits)
        let (transport, onServed) = (transport, surroundings.onServed)
        server.onServed = { asker, byteCount in onServed(transport.name, asker, byteCount) }
        transport.onConnection = { [name = transport.name, onEvent] address, failure in
            let path = "\(name) \(address)"
            onEvent(failure.map { .lost(TransferError($0, path: path)) } ?? .connected(path: path))
        }
    }

    /// Registers `memory` and listens. `completion` runs on the loop.
    func prepare(_ memory: [UnsafeMutableRawBufferPointer], completion: @escaping (SystemError?) -> Void) {
        rail.register(memory) { [self] failure in
            if let failure { return completion(failure) }
            do throws(SystemError) {
                address = try server.listen()
                events = try rail.watchEvents { [weak self] isActive in self?.linkChanged(isActive) }
                completion(nil)
            } catch {
                completion(error)
            }
        }
    }

    private func linkChanged(_ isActive: Bool) {
        guard rail.linkChanged(isActive) else { return }
        onEvent(isActive ? .linkUp(device: rail.name) : .linkDown(device: rail.name))
        guard !isActive else { return transport.linkCameUp() }
        transport.linkWentDown()
        server.linkWentDown()
    }

    /// Nothing of the device is in use.
    var isIdle: Bool { transport.isIdle && server.connectionCount == 0 && rail.burials == 0 }

    /// Ends every read with `reason`, and every path of readers.
    ///
    /// - Parameter onIdle: Called when the device has let go of everything.
    func close(_ reason: TransferError.Reason, onIdle: @escaping () -> Void) {
        events?.cancel()
        transport.onIdle = { [weak self] in self?.finish(onIdle) }
        server.onIdle = { [weak self] in self?.finish(onIdle) }
        rail.onBuried = { [weak self] in self?.finish(onIdle) }
        transport.close(reason)
        server.close()
        finish(onIdle)
    }

    private func finish(_ onIdle: @escaping () -> Void) {
        guard isIdle else { return }
        transport.onIdle = {}
        server.onIdle = {}
        rail.onBuried = {}
        rail.close()
        onIdle()
    }

    /// The same for the end of this owner: readers' paths end within this call.
    func closeNow(onIdle: @escaping () -> Void) {
        server.closeNow()
        close(.closed, onIdle: onIdle)
    }

    /// Adds what it has carried.
    func count(into device: inout NetworkAnswer.Device) {
        if let address { device.address = "\(address)" }
        device.bytesRead = transport.bytesRead
        device.reads = transport.readCount
        device.errors = transport.errorCount
        device.bytesServed = server.bytesServed
        device.connections = UInt64(transport.connectionCount + server.connectionCount)
    }
}

extension NetworkAnswer.Device {
    init(_ port: VerbsPort, _ state: State) {
        self.init(name: port.name, port: port.port, state: state)
        linkLayer = port.isEthernet ? "Ethernet" : "InfiniBand"
        mtu = UInt32(clamping: port.mtuBytes)
        numaNode = port.numaNode.map(Int64.init) ?? -1
        rateGigabits = UInt64(clamping: port.rateMegabits / 1000)
    }

    mutating func describe(_ gid: GID) {
        self.gid = gid.text
        gidIndex = UInt32(clamping: gid.index)
        gidType = gid.kind.rawValue
        address = gid.address ?? ""
    }
}
