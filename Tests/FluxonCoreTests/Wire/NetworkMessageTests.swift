import FluxonCore
import Testing

@Suite struct NetworkMessageTests {
    static var answer: NetworkAnswer {
        var device = NetworkAnswer.Device(name: "mlx5_0", port: 1, state: .unusable)
        device.reason = "no memlock: raise LimitMEMLOCK"
        device.linkLayer = "Ethernet"
        device.gid = "fe80::1"
        device.gidIndex = 3
        device.gidType = "RoCE v2"
        device.address = "10.0.0.2:7500"
        device.mtu = 4096
        device.numaNode = 0
        device.rateGigabits = 100
        (device.bytesRead, device.bytesServed, device.reads, device.errors, device.connections) = (1 << 40, 2, 3, 4, 5)
        var path = NetworkAnswer.Path(name: "rdma mlx5_0")
        (path.reads, path.bytes, path.errors, path.asideMilliseconds, path.bytesServed) = (1, 2, 3, 4, 5)
        path.lastError = "it broke"
        var peer = NetworkAnswer.Peer(name: InstanceKey("owner-2"))
        peer.pathInUse = "tcp"
        peer.fallbacks = 7
        peer.paths = [path, NetworkAnswer.Path(name: "tcp")]
        var answer = NetworkAnswer()
        answer.devices = [device, .init(name: "mlx5_1", port: 2, state: .active)]
        answer.peers = [peer, NetworkAnswer.Peer(name: InstanceKey("owner-3"))]
        answer.peersLeftOut = 9
        answer.totals = [path]
        answer.fallbacks = 8
        answer.settings = .only(["mlx5_0"])
        answer.settingsRevision = 77
        answer.problem = "none"
        return answer
    }

    static var report: NetworkReport {
        var told = NetworkReport.Owner(name: InstanceKey("owner-1"))
        told.answer = answer
        told.recorded = .everyDevice
        told.recordedRevision = 78
        var silent = NetworkReport.Owner(name: InstanceKey("owner-2"))
        silent.problem = "no answer"
        var report = NetworkReport(owners: [told, silent])
        report.problem = "no master"
        return report
    }

    @Test("the network's messages are read as they were written")
    func roundTrips() throws {
        #expect(try NetworkAnswer(decoding: Self.answer.encoded()) == Self.answer)
        #expect(try NetworkReport(decoding: Self.report.encoded()) == Self.report)
        var request = NetworkRequest(owner: InstanceKey("owner-1"))
        (request.awaitedRevision, request.peerLimit, request.isForwarded) = (5, 0, true)
        #expect(try NetworkRequest(decoding: request.encoded()) == request)
        #expect(try NetworkRequest(decoding: NetworkRequest().encoded()) == NetworkRequest())
        for action in NetworkChange.Action.allCases {
            let change = NetworkChange(owner: InstanceKey("o"), action: action, devices: action == .enableAll ? [] : ["a", "b"])
            #expect(try NetworkChange(decoding: change.encoded()) == change)
        }
        let answer = NetworkChangeAnswer(settings: .only(["a"]), revision: 3, isChanged: true)
        #expect(try NetworkChangeAnswer(decoding: answer.encoded()) == answer)
    }

    @Test("recorded settings that are not in force are pending; what is not known is not")
    func pending() {
        var owner = NetworkReport.Owner(name: InstanceKey("o"))
        var answer = NetworkAnswer()
        #expect(!owner.isPending)
        owner.recorded = .only(["a"])
        #expect(!owner.isPending)
        owner.answer = answer
        #expect(owner.isPending)
        (answer.settings, answer.settingsRevision, owner.recordedRevision) = (.only(["a"]), 5, 6)
        owner.answer = answer
        #expect(owner.isPending)
        answer.settingsRevision = 6
        owner.answer = answer
        #expect(!owner.isPending)
    }

    @Test("a message cut or damaged anywhere is an error or another message, never a trap")
    func damage() {
        let messages: [([UInt8], ([UInt8]) throws -> Void)] = [
            (Self.report.encoded(), { _ = try NetworkReport(decoding: $0) }),
            (
                NetworkChange(owner: InstanceKey("o"), action: .disable, devices: ["mlx5_0"]).encoded(),
                { _ = try NetworkChange(decoding: $0) }
            ),
        ]
        for (bytes, decode) in messages {
            for length in 0..<bytes.count { _ = try? decode(Array(bytes[..<length])) }
            for index in bytes.indices {
                for mask in [0x01, 0x80, 0xff] as [UInt8] {
                    var damaged = bytes
                    damaged[index] ^= mask
                    _ = try? decode(damaged)
                }
            }
        }
    }

    @Test("a change that names no owner, no action, or devices that make no sense is refused")
    func wrongChanges() {
        func decode(_ change: NetworkChange) throws { _ = try NetworkChange(decoding: change.encoded()) }
        #expect(throws: ProtobufError.invalidField(1)) { try decode(.init(owner: InstanceKey(""), action: .enable, devices: ["a"])) }
        #expect(throws: ProtobufError.invalidField(3)) { try decode(.init(owner: InstanceKey("o"), action: .switchTo, devices: [])) }
        #expect(throws: ProtobufError.invalidField(3)) { try decode(.init(owner: InstanceKey("o"), action: .enableAll, devices: ["a"])) }
        #expect(throws: ProtobufError.invalidField(3)) { try decode(.init(owner: InstanceKey("o"), action: .enable, devices: ["a b"])) }
        let many = (0...Limits.networkDevices).map { "d\($0)" }
        #expect(throws: ProtobufError.tooMany(field: 3, limit: Limits.networkDevices)) {
            try decode(.init(owner: InstanceKey("o"), action: .enable, devices: many))
        }
        #expect(throws: ProtobufError.invalidField(2)) { _ = try NetworkChange(decoding: [0x0a, 1, 0x6f, 0x1a, 1, 0x61]) }
    }
}
