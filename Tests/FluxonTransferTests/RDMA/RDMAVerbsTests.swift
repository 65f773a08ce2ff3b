import FluxonCore
import FluxonSystem
import Testing

@testable import FluxonTransfer

/// What only real verbs can show, in the machine of scripts/rdma-vm (scripts/test-rdma runs it there).
@Suite(.enabled(if: TestMachine.hasVerbs, "needs RDMA verbs: scripts/test-rdma"), .serialized, .timeLimit(.minutes(2)))
struct RDMAVerbsTests {
    @Test("the devices of the machine are found, with what a person wants to know of them")
    func devices() async throws {
        let owners = try await VerbsOwners()
        let devices = await owners.holder.transfer.networkAnswer().devices
        #expect(devices.map(\.name) == ["rxe1", "rxe2"])
        for device in devices {
            #expect(device.state == .active && device.reason == "")
            #expect(device.gidType == "RoCE v2" && device.gid.hasPrefix("0:0:0:0:0:ffff:"))
            #expect(device.linkLayer == "Ethernet" && device.mtu >= 1024 && device.port == 1)
        }
        let addresses = await owners.holder.transfer.rdmaAddresses
        #expect(addresses.split(separator: " ").map { String($0.prefix { $0 != ":" }) } == ["10.99.1.1", "10.99.2.1"])
        await owners.stop()
    }

    @Test(
        "values go by RDMA, small ones with the answer; counters say so at both ends, whether completions are reported or looked for",
        arguments: [Duration.zero, TransferLimits.busyPollTime])
    func reads(busyPoll: Duration) async throws {
        var limits = VerbsOwners.patient
        limits.busyPoll = busyPoll
        let owners = try await VerbsOwners(devices: ["rxe1"], limits: limits)
        var total: UInt64 = 0
        for (index, size) in [1, 4096, 4097, 3_000_001].enumerated() {
            let (source, target) = (owners.memory(size), owners.memory(size))
            source.fill(seed: index)
            try await owners.read(source, into: target)
            #expect(target.matches(source))
            total += UInt64(size)
        }
        let paths = await owners.paths
        #expect(paths["rdma rxe1"]?.bytes == total && paths["rdma rxe1"]?.reads == 4)
        #expect(paths["tcp"] == nil)
        // The reader's last word is on its way when its read has ended.
        while await owners.holder.transfer.ticketCount > 0 { try await owners.holder.loop.sleep(for: .milliseconds(1)) }
        let served = try #require(await owners.holder.transfer.networkAnswer().devices.first)
        #expect(served.bytesServed == total && served.connections == 1)
        let asked = try #require(await owners.reader.transfer.networkAnswer().devices.first)
        #expect(asked.bytesRead == total && asked.reads == 4 && asked.errors == 0)
        await owners.stop()
    }

    @Test("a device that is switched off in the middle: the value arrives over TCP; switched on again, values come by RDMA again")
    func switched() async throws {
        let owners = try await VerbsOwners(limits: VerbsOwners.gradual)
        let (source, target) = (owners.memory(64 << 20), owners.memory(64 << 20))
        source.fill(seed: 1)
        let reader = owners.reader
        try await owners.read(source, into: target) {
            _ = reader.loop.schedule(after: .milliseconds(20)) {
                reader.transfer.assumeIsolated { $0.apply(.only([]), revision: 2) }
            }
        }
        #expect(target.matches(source))
        var paths = await owners.paths
        #expect((paths["tcp"]?.bytes ?? 0) > 0)
        #expect(paths.values.allSatisfy { $0.errors == 0 && $0.asideMilliseconds == 0 }, "what is switched off is not to blame")
        let byRDMA = paths.filter { $0.key != "tcp" }.values.reduce(0) { $0 + $1.bytes }
        #expect(byRDMA + (paths["tcp"]?.bytes ?? 0) == 64 << 20)
        let devices = await reader.transfer.networkAnswer().devices
        #expect(devices.allSatisfy { $0.state == .disabled && $0.reason.contains("fluxon network enable") })

        await reader.transfer.apply(.everyDevice, revision: 3)
        try await VerbsOwners.prepared(reader, devices: 2)
        let small = owners.memory(2 << 20)
        source.fill(seed: 2)
        try await owners.read(VerbsArena.Piece(bytes: .init(rebasing: source.bytes[..<(2 << 20)])), into: small)
        paths = await owners.paths
        #expect(paths.filter { $0.key != "tcp" }.values.reduce(0) { $0 + $1.bytes } == byRDMA + (2 << 20))
        await owners.stop()
    }

    @Test("a holder's device that is switched off in the middle: the same, with a path that broke")
    func holderSwitched() async throws {
        let owners = try await VerbsOwners(devices: ["rxe1"], limits: VerbsOwners.gradual)
        let (source, target) = (owners.memory(64 << 20), owners.memory(64 << 20))
        source.fill(seed: 3)
        let (holder, reader) = (owners.holder, owners.reader)
        try await owners.read(source, into: target) {
            _ = reader.loop.schedule(after: .milliseconds(20)) {
                holder.loop.execute { holder.transfer.assumeIsolated { $0.apply(.only([]), revision: 2) } }
            }
        }
        #expect(target.matches(source))
        #expect((await owners.paths["tcp"]?.bytes ?? 0) > 0)
        while await holder.transfer.ticketCount > 0 { try await holder.loop.sleep(for: .milliseconds(1)) }
        await owners.stop()
    }

    @Test("bytes that the source's device does not know come over TCP")
    func unregistered() async throws {
        let owners = try await VerbsOwners(devices: ["rxe1"])
        let memory = TestMemory(100_000, seed: 4)
        let source = VerbsArena.Piece(bytes: memory.bytes)
        let target = owners.memory(100_000)
        try await owners.read(source, into: target)
        #expect(target.matches(source))
        let paths = await owners.paths
        #expect(paths["tcp"]?.bytes == 100_000)
        #expect(paths["rdma rxe1"]?.lastError.contains("not in memory that its RDMA device knows") == true)
        await owners.stop()
    }

    @Test("two devices share a large value")
    func striped() async throws {
        let owners = try await VerbsOwners()
        let (source, target) = (owners.memory(48 << 20), owners.memory(48 << 20))
        source.fill(seed: 6)
        try await owners.read(source, into: target)
        #expect(target.matches(source))
        let paths = await owners.paths
        #expect(paths["rdma rxe1"]?.bytes == 24 << 20 && paths["rdma rxe2"]?.bytes == 24 << 20 && paths["tcp"] == nil)
        await owners.stop()
    }

    @Test("a device that is switched off in the middle leaves its part of a value to the other")
    func partMoves() async throws {
        let owners = try await VerbsOwners(limits: VerbsOwners.gradual)
        let (source, target) = (owners.memory(48 << 20), owners.memory(48 << 20))
        let reader = owners.reader
        // A busy machine may be through with the part before the switch: then once more.
        for attempt in 1...10 {
            let before = await owners.paths["rdma rxe2"]?.bytes ?? 0
            source.fill(seed: attempt)
            try await owners.read(source, into: target) {
                _ = reader.loop.schedule(after: .milliseconds(10)) {
                    reader.transfer.assumeIsolated { $0.apply(.allExcept(["rxe2"]), revision: 2) }
                }
            }
            #expect(target.matches(source))
            let moved = (24 << 20) - ((await owners.paths["rdma rxe2"]?.bytes ?? 0) - before)
            if moved > 0 { break }
            try #require(attempt < 10, "the device had always read its part before it was switched off")
            await reader.transfer.apply(.everyDevice, revision: 3)
            try await VerbsOwners.prepared(reader, devices: 2)
        }
        #expect(await owners.paths["tcp"] == nil)
        await owners.stop()
    }
}
