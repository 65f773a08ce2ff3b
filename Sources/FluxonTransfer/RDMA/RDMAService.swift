import FluxonCore
import FluxonSystem

/// The RDMA side of one owner: its devices, each with a way of reading and a way of being read. On the loop only.
///
///     found ──settings allow it──▶ preparing (memory is registered) ──▶ in use: RDMATransport (reads), RDMAServer (is read from)
///       ▲                                                               │ settings forbid it
///       └──────────────nothing uses it any more── closing (what was on its way goes on over other paths)
final class RDMAService: NetworkDevices {
    /// What every device needs to know.
    struct Surroundings {
        let loop: EventLoop
        let cluster: String
        let owner: Asker
        let limits: TransferLimits
        let source: any TransferSource
        /// What is registered with each device: the pool.
        let memory: [UnsafeMutableRawBufferPointer]
        let paths: PathNumbers
        /// The ways of reading are these from now on, best first.
        let onChange: ([RDMATransport]) -> Void
        let onServed: (_ transport: String, _ asker: Asker, _ byteCount: Int) -> Void
        let onEvent: (RDMAEvent) -> Void
    }

    private let surroundings: Surroundings
    private let devices: VerbsDevices
    private let channel: ConnectionChannel
    private let reaper: VerbsReaper
    private let discovery: RDMADiscovery
    /// Names of the devices that the configuration allows, best first.
    private let names: [String]
    private var lanes: [String: RDMALane] = [:]
    private var preparing: [String: RDMALane] = [:]
    private var isClosed = false
    private var closing: [RDMALane] = []
    /// Why a device that may be used is not.
    private var failures: [String: String] = [:]
    private var settings: NetworkSettings?

    /// Nil on a machine without any RDMA device: one look into a folder, and nothing after it.
    ///
    /// - Parameter choose: Which of the devices found are used, best first.
    /// - Throws: Where there are devices that this process cannot open, and what `choose` throws.
    static func open(_ surroundings: Surroundings, choose: ([String]) throws -> [String]) throws -> RDMAService? {
        guard VerbsDevices.kernelHasAny else {
            _ = try choose([])
            return nil
        }
        return try RDMAService(surroundings, choose: choose)
    }

    private init(_ surroundings: Surroundings, choose: ([String]) throws -> [String]) throws {
        self.surroundings = surroundings
        devices = try VerbsDevices()
        channel = try ConnectionChannel(loop: surroundings.loop)
        reaper = try VerbsReaper()
        discovery = RDMADiscovery(devices)
        names = try choose(discovery.names)
        for failure in discovery.failures { surroundings.onEvent(.unusable("\(failure)")) }
    }

    /// Where other owners read from this one: the form of `TransferPeer.addresses["rdma"]`. Empty: nowhere.
    var addresses: String { inUse.compactMap(\.address).map(\.description).joined(separator: " ") }

    private var inUse: [RDMALane] { names.compactMap { lanes[$0] } }

    // MARK: Switching

    func apply(_ settings: NetworkSettings) {
        self.settings = settings
        for name in names where lanes[name] != nil && !settings.allows(name) { close(name) }
        for name in names where lanes[name] == nil && preparing[name] == nil && settings.allows(name) { open(name) }
        surroundings.onChange(inUse.map(\.transport))
    }

    private func open(_ name: String) {
        guard let found = discovery.usable.first(where: { $0.port.name == name }) else { return }
        do throws(SystemError) {
            let position = names.firstIndex(of: name) ?? 0
            let lane = try RDMALane(found, position: position, devices: devices, channel: channel, reaper: reaper, surroundings)
            preparing[name] = lane
            failures[name] = nil
            lane.prepare(surroundings.memory) { [weak self] failure in self?.prepared(name, lane, failure) }
        } catch {
            failed(name, error)
        }
    }

    private func prepared(_ name: String, _ lane: RDMALane, _ failure: SystemError?) {
        preparing[name] = nil
        lanes[name] = lane
        if let failure { failed(name, failure) }
        // It may have been switched off again meanwhile, or this owner ends.
        guard failure == nil, settings?.allows(name) == true, !isClosed else { return close(name) }
        surroundings.onChange(inUse.map(\.transport))
    }

    private func failed(_ name: String, _ error: SystemError) {
        failures[name] = "\(error)"
        surroundings.onEvent(.unusable("\(name) is not used: \(error)"))
    }

    /// What is on its way goes on over another path; the device is let go of when nothing of it is.
    private func close(_ name: String) {
        guard let lane = lanes.removeValue(forKey: name) else { return }
        closing.append(lane)
        lane.close(.disabled) { [weak self] in self?.closing.removeAll { $0 === lane } }
    }

    // MARK: Showing

    func describe() -> [NetworkAnswer.Device] {
        let usable = discovery.usable.map { found in
            var device = NetworkAnswer.Device(found.port, .unusable)
            device.describe(found.gid)
            (device.state, device.reason) = state(of: found)
            lanes[found.port.name]?.count(into: &device)
            return device
        }
        let unusable = discovery.unusable.map { found in
            var device = NetworkAnswer.Device(found.port, .unusable)
            device.reason = found.reason
            return device
        }
        return (usable + unusable).sorted { ($0.name, $0.port) < ($1.name, $1.port) }
    }

    private func state(of found: RDMADiscovery.Usable) -> (NetworkAnswer.Device.State, String) {
        let name = found.port.name
        guard names.contains(name) else {
            return (.disabled, "network.rdma_device_names of this owner does not name it; add it there and restart the owner")
        }
        if let failure = failures[name] { return (.unusable, failure) }
        if preparing[name] != nil { return (.down, "the pool is being registered with it") }
        guard let lane = lanes[name] else {
            let isKnown = settings != nil
            return (.disabled, isKnown ? "switched off; `fluxon network enable \(name)` switches it on" : "etcd has not been read yet")
        }
        return lane.rail.isUp ? (.active, "") : (.down, "its link is down; look at the cable, the switch and `rdma link`")
    }

    // MARK: The end

    func sessionEnded(of asker: Asker) {
        for lane in lanes.values { lane.server.close(asker) }
    }

    /// Ends every path: those of readers within this call, its own reads in later turns, when their destinations are free.
    func close() {
        isClosed = true
        closing += inUse
        for lane in inUse { lane.closeNow { [self] in ended(lane) } }
        lanes = [:]
    }

    private func ended(_ lane: RDMALane) {
        closing.removeAll { $0 === lane }
        if closing.isEmpty { channel.close() }
    }
}

extension RDMADiscovery {
    /// Of every device, usable or not, each once.
    fileprivate var names: [String] {
        var names: [String] = []
        for name in usable.map(\.port.name) + unusable.map(\.port.name) where !names.contains(name) { names.append(name) }
        return names
    }
}
