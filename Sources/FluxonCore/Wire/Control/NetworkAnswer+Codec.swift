extension NetworkAnswer {
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        encode(into: &writer)
        return writer.bytes
    }

    func encode(into writer: inout ProtobufWriter) {
        writer.list(devices, limit: Limits.networkDevices, field: 1) { $0.encode(into: &$1) }
        writer.list(peers, limit: Limits.networkPeers, field: 2) { $0.encode(into: &$1) }
        writer.unsigned(peersLeftOut &+ UInt64(max(0, peers.count - Limits.networkPeers)), field: 3)
        writer.list(totals, limit: Limits.networkPaths, field: 4) { $0.encode(into: &$1) }
        writer.unsigned(fallbacks, field: 5)
        writer.string(settings.text, limit: Limits.attributeBytes, field: 6)
        writer.unsigned(settingsRevision, field: 7)
        writer.string(problem, limit: Limits.messageTextBytes, field: 8)
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        try self.init(decoding: &reader)
    }

    init(decoding reader: inout ProtobufReader) throws(ProtobufError) {
        self.init()
        while let field = try reader.next() {
            switch field {
            case 1:
                guard devices.count < Limits.networkDevices else { throw .tooMany(field: 1, limit: Limits.networkDevices) }
                var nested = try reader.message()
                devices.append(try Device(decoding: &nested))
            case 2:
                guard peers.count < Limits.networkPeers else { throw .tooMany(field: 2, limit: Limits.networkPeers) }
                var nested = try reader.message()
                peers.append(try Peer(decoding: &nested))
            case 3: peersLeftOut = try reader.unsigned()
            case 4: try totals.appendPath(from: &reader, field: 4)
            case 5: fallbacks = try reader.unsigned()
            case 6: settings = try reader.networkSettings(field: 6)
            case 7: settingsRevision = try reader.unsigned()
            case 8: problem = try reader.string(limit: Limits.messageTextBytes)
            default: try reader.skip()
            }
        }
    }
}

extension NetworkAnswer.Device {
    func encode(into writer: inout ProtobufWriter) {
        writer.string(name, limit: Limits.deviceNameBytes, field: 1)
        writer.unsigned(port, field: 2)
        writer.unsigned(state.rawValue, field: 3)
        writer.string(reason, limit: Limits.messageTextBytes, field: 4)
        writer.string(linkLayer, limit: Limits.nameBytes, field: 5)
        writer.string(gid, limit: Limits.nameBytes, field: 6)
        writer.unsigned(gidIndex, field: 7)
        writer.string(gidType, limit: Limits.nameBytes, field: 8)
        writer.string(address, limit: Limits.nameBytes, field: 9)
        writer.unsigned(mtu, field: 10)
        writer.signed(numaNode, field: 11)
        writer.unsigned(rateGigabits, field: 12)
        writer.unsigned(bytesRead, field: 13)
        writer.unsigned(bytesServed, field: 14)
        writer.unsigned(reads, field: 15)
        writer.unsigned(errors, field: 16)
        writer.unsigned(connections, field: 17)
    }

    init(decoding reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(name: "", port: 0, state: .unusable)
        // A zero is not written.
        numaNode = 0
        var known = false
        while let field = try reader.next() {
            switch field {
            case 1: name = try reader.string(limit: Limits.deviceNameBytes)
            case 2: port = try reader.unsigned32()
            case 3:
                guard let state = State(rawValue: try reader.unsigned()) else { throw .invalidField(3) }
                self.state = state
                known = true
            case 4: reason = try reader.string(limit: Limits.messageTextBytes)
            case 5: linkLayer = try reader.string(limit: Limits.nameBytes)
            case 6: gid = try reader.string(limit: Limits.nameBytes)
            case 7: gidIndex = try reader.unsigned32()
            case 8: gidType = try reader.string(limit: Limits.nameBytes)
            case 9: address = try reader.string(limit: Limits.nameBytes)
            case 10: mtu = try reader.unsigned32()
            case 11: numaNode = try reader.signed()
            case 12: rateGigabits = try reader.unsigned()
            case 13: bytesRead = try reader.unsigned()
            case 14: bytesServed = try reader.unsigned()
            case 15: reads = try reader.unsigned()
            case 16: errors = try reader.unsigned()
            case 17: connections = try reader.unsigned()
            default: try reader.skip()
            }
        }
        guard NetworkSettings.isDeviceName(name) else { throw .invalidField(1) }
        guard known else { throw .invalidField(3) }
    }
}

extension NetworkAnswer.Path {
    func encode(into writer: inout ProtobufWriter) {
        writer.string(name, limit: Limits.nameBytes, field: 1)
        writer.unsigned(reads, field: 2)
        writer.unsigned(bytes, field: 3)
        writer.unsigned(errors, field: 4)
        writer.string(lastError, limit: Limits.messageTextBytes, field: 5)
        writer.unsigned(asideMilliseconds, field: 6)
        writer.unsigned(bytesServed, field: 7)
    }

    init(decoding reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(name: "")
        while let field = try reader.next() {
            switch field {
            case 1: name = try reader.string(limit: Limits.nameBytes)
            case 2: reads = try reader.unsigned()
            case 3: bytes = try reader.unsigned()
            case 4: errors = try reader.unsigned()
            case 5: lastError = try reader.string(limit: Limits.messageTextBytes)
            case 6: asideMilliseconds = try reader.unsigned()
            case 7: bytesServed = try reader.unsigned()
            default: try reader.skip()
            }
        }
        guard !name.isEmpty else { throw .invalidField(1) }
    }
}

extension NetworkAnswer.Peer {
    func encode(into writer: inout ProtobufWriter) {
        writer.string(name.name, limit: Limits.nameBytes, field: 1)
        writer.string(pathInUse, limit: Limits.nameBytes, field: 2)
        writer.unsigned(fallbacks, field: 3)
        writer.list(paths, limit: Limits.networkPaths, field: 4) { $0.encode(into: &$1) }
    }

    init(decoding reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(name: InstanceKey(""))
        while let field = try reader.next() {
            switch field {
            case 1: name = InstanceKey(try reader.string(limit: Limits.nameBytes))
            case 2: pathInUse = try reader.string(limit: Limits.nameBytes)
            case 3: fallbacks = try reader.unsigned()
            case 4: try paths.appendPath(from: &reader, field: 4)
            default: try reader.skip()
            }
        }
        guard !name.name.isEmpty else { throw .invalidField(1) }
    }
}

extension [NetworkAnswer.Path] {
    fileprivate mutating func appendPath(from reader: inout ProtobufReader, field: Int) throws(ProtobufError) {
        guard count < Limits.networkPaths else { throw .tooMany(field: field, limit: Limits.networkPaths) }
        var nested = try reader.message()
        append(try NetworkAnswer.Path(decoding: &nested))
    }
}
