import FluxonSystem
import Testing

@testable import FluxonTransfer

@Suite struct GIDRuleTests {
    static func v4(_ last: UInt8, index: Int, _ kind: GID.Kind = .roceV2) -> GID {
        GID(bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last], index: index, kind: kind)
    }
    static func v6(_ first: [UInt8], index: Int, _ kind: GID.Kind = .roceV2) -> GID {
        GID(bytes: first + [UInt8](repeating: 0, count: 15 - first.count) + [1], index: index, kind: kind)
    }

    static let global = v6([0xfd, 0], index: 2)
    static let linkLocal = v6([0xfe, 0x80], index: 0)

    @Test(
        "RoCE v2 before v1, IPv4 before IPv6, the lower index among equals; never a link-local address",
        arguments: [
            ([linkLocal, v4(1, index: 3, .roceV1), v4(1, index: 4), global], 4),
            ([linkLocal, v4(1, index: 3, .roceV1), global], 2),
            ([linkLocal, v4(1, index: 3, .roceV1), v6([0xfd, 0], index: 1, .roceV1)], 3),
            ([v4(2, index: 6), v4(1, index: 5)], 5),
            ([linkLocal], nil), ([], nil),
            ([GID(bytes: [0xfe, 0x80] + [UInt8](repeating: 7, count: 14), index: 0, kind: .infiniBand)], nil),
        ] as [([GID], Int?)])
    func order(gids: [GID], chosen: Int?) {
        #expect(GIDRule.choose(among: gids)?.index == chosen)
        #expect(GIDRule.choose(among: gids.reversed())?.index == chosen, "the order of the table does not matter")
    }

    @Test("an address is written as others read it")
    func address() {
        #expect(Self.v4(9, index: 0).address == "10.0.0.9")
        #expect(Self.global.address == "fd00:0:0:0:0:0:0:1")
        #expect(GID(bytes: [1, 2], index: 0, kind: .roceV2).address == nil)
    }

    @Test("an iWARP device and one without an address are told apart, with what to do")
    func judge() {
        func port(isIWARP: Bool, _ gids: [GID]) -> VerbsPort {
            VerbsPort(
                name: "dev0", port: 1, isActive: true, isEthernet: true, isIWARP: isIWARP, mtuBytes: 4096, rateMegabits: 100_000,
                largestMessage: 1 << 30, largestRegion: 1 << 40, readsAsAsker: 16, readsAsSource: 16, workRequests: 4096,
                hasPagesOnDemand: false, numaNode: nil, gids: gids)
        }
        guard case .failure(let why) = RDMADiscovery.judge(port(isIWARP: true, [Self.v4(1, index: 0)])) else {
            Issue.record("iWARP was taken")
            return
        }
        #expect(why.reason.contains("TCP is used"))
        guard case .failure(let bare) = RDMADiscovery.judge(port(isIWARP: false, [Self.linkLocal])) else {
            Issue.record("a link-local address was taken")
            return
        }
        #expect(bare.reason.contains("IP address"))
        guard case .success((let gid, let address)) = RDMADiscovery.judge(port(isIWARP: false, [Self.v4(7, index: 3)])) else {
            Issue.record("a good port was refused")
            return
        }
        #expect(gid.index == 3)
        #expect("\(address)" == "10.0.0.7:0")
    }
}
