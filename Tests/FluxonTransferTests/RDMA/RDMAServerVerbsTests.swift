import FluxonCore
import FluxonSystem
import Testing

@testable import FluxonTransfer

/// A source over RDMA against askers that go silent, talk nonsense or outlive the memory that they read.
@Suite(.enabled(if: TestMachine.hasVerbs, "needs RDMA verbs: scripts/test-rdma"), .serialized, .timeLimit(.minutes(1)))
struct RDMAServerVerbsTests {
    @Test("an asker that is gone without a word is found out, and its tickets' bytes are let go")
    func silentAsker() async throws {
        var limits = TransferLimits()
        limits.stall = .milliseconds(300)
        try await TransportStage.run(.rdma, limits: limits) { stage in
            let asker = try await stage.rawAsker()
            try asker.send(Self.greeting)
            try asker.send(Self.request(try stage.issue(TestMemory(1 << 20, seed: 1)), count: 1 << 20))
            while asker.messages.isEmpty { try await stage.loop.sleep(for: .milliseconds(1)) }
            asker.fallSilent()
            await stage.released(1)
            asker.close()
        }
    }

    @Test(
        "an asker that does not keep to the protocol is cut off",
        arguments: [
            [1, 2, 3, 4, 5], [UInt8](repeating: 0xff, count: 576), DoneMessage(ticket: Ticket(high: 1, low: 1)).encoded(),
        ])
    func garbage(bytes: [UInt8]) async throws {
        try await TransportStage.run(.rdma) { stage in
            for greets in [false, true] {
                let asker = try await stage.rawAsker()
                if greets { try asker.send(Self.greeting) }
                try asker.send(bytes)
                while !asker.isBroken { try await stage.loop.sleep(for: .milliseconds(1)) }
                asker.close()
            }
        }
    }

    @Test("memory that the source's device no longer knows ends the read as a broken path; nothing else is read instead")
    func regionGone() async throws {
        try await TransportStage.run(.rdma) { stage in
            let (source, memory) = (TestMemory(8 << 20, seed: 5), TestMemory(8 << 20))
            let result = try await stage.read(source, into: memory, at: try stage.address(.forgotten(afterBytes: 1 << 20)))
            let error = try #require(result.failure)
            guard case .connectionLost = error.reason else { throw error }
            #expect(error.verified < 8 << 20)
            #expect(memory.matches(source, count: error.verified))
            #expect(memory.guardsAreIntact)
            await stage.released(1)
        }
    }

    static let greeting = Greeting(cluster: "c", asker: TransportStage.asker).encoded()

    static func request(_ ticket: Ticket, count: UInt64) -> [UInt8] {
        RangeRequest(ticket: ticket, version: TransportStage.version, range: 0..<count, chunkBytes: 65536).encoded()
    }
}
