import FluxonCore

extension NetworkSettings {
    static func sample(_ chance: inout WireChance) -> NetworkSettings {
        let names = Set(chance.boundedList(limit: Limits.networkDevices) { "mlx5_\($0.index(below: 1000))" })
        return chance.chance() ? .allExcept(names) : .only(names)
    }
}

extension NetworkAnswer.Path {
    static func sample(_ chance: inout WireChance) -> NetworkAnswer.Path {
        var path = NetworkAnswer.Path(name: chance.text(limit: Limits.nameBytes, least: 1))
        (path.reads, path.bytes, path.errors) = (chance.number(), chance.number(), chance.number())
        path.lastError = chance.text(limit: Limits.messageTextBytes)
        (path.asideMilliseconds, path.bytesServed) = (chance.number(), chance.number())
        return path
    }
}

extension NetworkAnswer.Device {
    static func sample(_ chance: inout WireChance) -> NetworkAnswer.Device {
        var device = NetworkAnswer.Device(
            name: "mlx5_\(chance.index(below: 20))", port: chance.number32(),
            state: State.allCases[chance.index(below: State.allCases.count)])
        (device.reason, device.linkLayer) = (chance.text(limit: Limits.messageTextBytes), chance.text(limit: Limits.nameBytes))
        (device.gid, device.gidIndex, device.gidType) = (chance.text(limit: Limits.nameBytes), chance.number32(), chance.text(limit: 20))
        (device.address, device.mtu, device.numaNode) = (chance.text(limit: Limits.nameBytes), chance.number32(), chance.signed())
        (device.rateGigabits, device.bytesRead, device.bytesServed) = (chance.number(), chance.number(), chance.number())
        (device.reads, device.errors, device.connections) = (chance.number(), chance.number(), chance.number())
        return device
    }
}

extension NetworkAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> NetworkAnswer {
        var answer = NetworkAnswer()
        answer.devices = chance.list(limit: Limits.networkDevices) { .sample(&$0) }
        answer.peers = chance.list(limit: Limits.networkPeers) { chance in
            var peer = Peer(name: chance.name())
            (peer.pathInUse, peer.fallbacks) = (chance.text(limit: Limits.nameBytes), chance.number())
            let limit = chance.index(below: 50) == 0 ? Limits.networkPaths : 1
            peer.paths = chance.list(limit: limit) { .sample(&$0) }
            return peer
        }
        answer.peersLeftOut = UInt64(chance.number32())
        answer.totals = chance.list(limit: Limits.networkPaths) { .sample(&$0) }
        (answer.fallbacks, answer.settings, answer.settingsRevision) = (chance.number(), .sample(&chance), chance.number())
        answer.problem = chance.text(limit: Limits.messageTextBytes)
        return answer
    }
}

extension NetworkRequest: WireMessage {
    static func sample(_ chance: inout WireChance) -> NetworkRequest {
        var request = NetworkRequest(owner: chance.chance() ? chance.name() : nil)
        (request.awaitedRevision, request.peerLimit, request.isForwarded) = (chance.number(), chance.number(), chance.chance())
        return request
    }
}

extension NetworkReport: WireMessage {
    static func sample(_ chance: inout WireChance) -> NetworkReport {
        let isLong = chance.index(below: 8) == 0
        var report = NetworkReport(
            owners: chance.list(limit: isLong ? Limits.owners : 3) { chance in
                var owner = Owner(name: chance.name())
                if !isLong, chance.chance() { owner.answer = .sample(&chance) }
                owner.problem = chance.text(limit: isLong ? 20 : Limits.messageTextBytes)
                if chance.chance() { owner.recorded = .sample(&chance) }
                owner.recordedRevision = chance.number()
                return owner
            })
        report.problem = chance.text(limit: Limits.messageTextBytes)
        return report
    }
}

extension NetworkChange: WireMessage {
    /// Cut it would be another change: whoever makes one refuses too many devices.
    static func sample(_ chance: inout WireChance) -> NetworkChange {
        let action = Action.allCases[chance.index(below: Action.allCases.count)]
        let devices =
            action == .enableAll ? [] : chance.boundedList(limit: Limits.networkDevices, least: 1) { "mlx5_\($0.index(below: 40))" }
        return NetworkChange(owner: chance.name(), action: action, devices: devices)
    }
}

extension NetworkChangeAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> NetworkChangeAnswer {
        NetworkChangeAnswer(settings: .sample(&chance), revision: chance.number(), isChanged: chance.chance())
    }
}
