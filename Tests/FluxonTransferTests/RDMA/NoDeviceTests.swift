import FluxonCore
import FluxonSystem
import Glibc
import Synchronization
import Testing

@testable import FluxonTransfer

/// What RDMA costs where there is none.
@Suite(.enabled(if: access("/sys/class/infiniband", F_OK) != 0, "this machine has RDMA devices")) struct NoDeviceTests {
    @Test("a machine without devices is found out once, without a thread, a descriptor or a word")
    func nothing() async throws {
        let owner = try TransferActorTests.Owner("alone")
        let before = try Self.descriptors()
        let asked = Mutex<[[String]]>([])
        let found = try await owner.transfer.perform { transfer in
            try transfer.openRDMA(
                TransferActor.RDMAMemory([]),
                choose: { names in
                    asked.withLock { $0.append(names) }
                    return names
                }, onEvent: { Issue.record("\($0)") })
        }
        #expect(!found)
        #expect(asked.withLock { $0 } == [[]], "what the configuration names is held against nothing")
        // Fewer are another suite's, whose connections end late.
        #expect(try Self.descriptors() <= before)
        await owner.transfer.apply(.everyDevice, revision: 1)
        #expect(await owner.transfer.networkAnswer().devices.isEmpty)
        #expect(await owner.transfer.rdmaAddresses.isEmpty)
        await owner.stop()
    }

    @Test("a configured device that is not there is an error at start, also where there is none at all")
    func missing() async throws {
        let owner = try TransferActorTests.Owner("alone")
        await #expect(throws: FluxonError.self) {
            try await owner.transfer.perform { transfer in
                // As `NetworkConfiguration.devices` does for a name that nobody has.
                _ = try transfer.openRDMA(
                    TransferActor.RDMAMemory([]), choose: { names in throw FluxonError(.invalidConfiguration, "no 'mlx5_0' in \(names)") },
                    onEvent: { _ in })
            }
        }
        await owner.stop()
    }

    /// Open descriptors of this process. Suites run one after the other.
    private static func descriptors() throws -> Int {
        let folder = try #require(opendir("/proc/self/fd"))
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count
    }
}
