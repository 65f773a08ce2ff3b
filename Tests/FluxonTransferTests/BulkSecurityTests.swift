import FluxonCore
import FluxonSystem
import FluxonTLS
import FluxonTestFiles
import Testing

@testable import FluxonTransfer

/// Who may read, and what the network sees (DESIGN §7). That values arrive over TLS at all is the conformance suite's.
@Suite(.timeLimit(.minutes(1))) struct BulkSecurityTests {
    private func failure(asker: TLSContext?, source: TLSContext?) async throws -> TransferError {
        let failure = Failure()
        try await TransportStage.run(.tls, tls: StageTLS(source: source, asker: asker)) { stage in
            let memory = TestMemory(100_000)
            let result = try await stage.read(TestMemory(100_000, seed: 1), into: memory, at: try stage.address())
            #expect(memory.guardsAreIntact)
            failure.error = result.failure
        }
        return try #require(failure.error)
    }

    @Test("an asker without a certificate, or with a stranger's, is refused and told so", arguments: [nil, "stranger"])
    func wrongAsker(name: String?) async throws {
        let certificates = try TestCertificates.shared.get()
        let error = try await failure(asker: try .client(certificates.files(name)), source: try .server(certificates.files("server")))
        guard case .securityFailed(let cause) = error.reason, cause.kind == .refusedByPeer else { throw error }
        #expect(!error.blamesThePath)
    }

    @Test(
        "a source whose certificate is for another host, or another authority's, gets no request",
        arguments: [("elsewhere", TLSError.Kind.wrongHost), ("stranger", .untrusted)])
    func wrongSource(name: String, kind: TLSError.Kind) async throws {
        let certificates = try TestCertificates.shared.get()
        let error = try await failure(asker: try .client(certificates.files("server")), source: try .server(certificates.files(name)))
        guard case .securityFailed(let cause) = error.reason, cause.kind == kind else { throw error }
    }

    @Test("an owner with tls and one without do not read from each other", arguments: [true, false])
    func oneSided(askerHasTLS: Bool) async throws {
        let certificates = try TestCertificates.shared.get()
        let error = try await failure(
            asker: askerHasTLS ? try .client(certificates.files("server")) : nil,
            source: askerHasTLS ? nil : try .server(certificates.files("server")))
        switch error.reason {
        case .connectionLost, .securityFailed, .protocolViolation: #expect(error.verified == 0)
        default: throw error
        }
    }

    @Test("what passes the network shows nothing of a value with TLS, and all of it without", arguments: [TransportKind.tcp, .tls])
    func onTheWire(kind: TransportKind) async throws {
        try await TransportStage.run(kind) { stage in
            let recording = WireRecording()
            let source = TestMemory(3_000_000, seed: 8)
            let memory = TestMemory(3_000_000)
            try await stage.read(source, into: memory, at: try stage.address(over: .recorded(recording))).get()
            #expect(memory.matches(source, count: 3_000_000))
            #expect(recording.count > 3_000_000)
            for start in [0, 100_000, 2_999_900] {
                #expect(recording.contains(Array(source.bytes[start..<start + 64])) == (kind == .tcp))
            }
            let name = Array(TransportStage.asker.instance.name.utf8)
            #expect(recording.contains(name) == (kind == .tcp))
        }
    }
}

/// Where a body that runs on a stage leaves what it found.
private final class Failure: @unchecked Sendable {
    // SAFETY: written on the stage's loop, read when the stage has ended.
    var error: TransferError?
}
