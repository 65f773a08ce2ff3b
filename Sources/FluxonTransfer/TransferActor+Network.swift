package import FluxonCore

/// The network as people see and switch it.
extension TransferActor {
    /// Puts these settings in force.
    ///
    /// - Parameter revision: Of etcd, as of which they are what is recorded.
    package func apply(_ settings: NetworkSettings, revision: UInt64) {
        network.settings = settings
        network.revision = revision
        network.problem = ""
        network.devices?.apply(settings)
    }

    /// What is recorded cannot be understood: what was in force stays.
    package func keepSettings(because problem: String) { network.problem = problem }

    /// The devices to be switched and shown from now on; once, before anything is read. Nil stays for an owner without any.
    package func use(_ devices: any NetworkDevices) {
        network.devices = devices
        if network.revision > 0 { devices.apply(network.settings) }
    }

    package var settingsRevision: UInt64 { network.revision }

    /// - Parameter peerLimit: Most peers to name, those with the most bytes first.
    package func networkAnswer(peerLimit: Int = Limits.networkPeers) -> NetworkAnswer {
        var answer = NetworkAnswer()
        answer.devices = Array((network.devices?.describe() ?? []).prefix(Limits.networkDevices))
        answer.settings = network.settings
        answer.settingsRevision = network.revision
        answer.problem = network.problem
        let statistics = paths.statistics
        answer.totals = statistics.total.paths.map { NetworkAnswer.Path($0, name: $0.transport) }
        answer.fallbacks = statistics.total.fallbacks
        let busiest = statistics.peers.map { ($0.key, $0.value, $0.value.bytes) }.sorted { $0.2 != $1.2 ? $0.2 > $1.2 : $0.0 < $1.0 }
        answer.peers = busiest.prefix(max(0, peerLimit)).map { peer($0.0, $0.1) }.sorted { $0.name < $1.name }
        answer.peersLeftOut = UInt64(busiest.count - answer.peers.count)
        return answer
    }

    private func peer(_ name: InstanceKey, _ statistics: PathStatistics.Peer) -> NetworkAnswer.Peer {
        var peer = NetworkAnswer.Peer(name: name)
        peer.fallbacks = statistics.fallbacks
        for path in statistics.paths {
            var told = NetworkAnswer.Path(path, name: paths.describe(path))
            told.asideMilliseconds = paths.aside(path.transport, to: name)
            peer.paths.append(told)
            if path.transport == statistics.lastTransport { peer.pathInUse = told.name }
        }
        return peer
    }
}

extension NetworkAnswer.Path {
    fileprivate init(_ path: PathStatistics.Path, name: String) {
        self.init(name: name)
        reads = path.reads
        bytes = path.bytes
        errors = path.errors
        lastError = path.lastError.map { String("\($0)".prefix(Self.errorLength)) } ?? ""
        bytesServed = path.bytesServed
    }

    /// Characters of an error that are told: enough to say what happened, few enough for a line each of many peers.
    private static let errorLength = 300
}

/// What an owner's network is told to be.
struct NetworkState {
    var devices: (any NetworkDevices)?
    var settings = NetworkSettings.everyDevice
    /// Of etcd; 0: it has not been read yet.
    var revision: UInt64 = 0
    var problem = ""
}
