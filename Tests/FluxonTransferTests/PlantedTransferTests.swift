#if FLUXON_PLANTING
import FluxonTransfer
import Testing

/// Would the tests see a transfer that does not look at its checksums? What `TransportConformanceTests` expects of a damaged chunk,
/// with the mistake planted.
@Suite struct PlantedTransferTests {
    @Test("with a wrong checksum accepted, a damaged chunk counts as read and the bytes are not the source's", arguments: [false, true])
    func wrongChecksum(isPlanted: Bool) async throws {
        var limits = TransferLimits()
        limits.planted = isPlanted ? .acceptAnyChecksum : nil
        try await TransportStage.run(.tcp, limits: limits) { stage in
            let source = TestMemory(1 << 20, seed: 3)
            let memory = TestMemory(1 << 20)
            let result = try await stage.read(source, into: memory, at: try stage.address(.damaged(chunk: 3)))
            #expect((result.failure == nil) == isPlanted)
            #expect(!memory.matches(source, count: 1 << 20), "the wire damaged nothing")
            await stage.released(1)
        }
    }
}
#endif
