import FluxonCore
import FluxonRPC
import FluxonSystem
import FluxonTLS
import FluxonTestFiles
import Testing

@Suite(.timeLimit(.minutes(2))) struct TLSTests {
    /// A TLS server beside the fixture's cleartext one.
    private func secured(
        _ fixture: EchoFixture, _ certificates: TestCertificates, certificate: String = "server", mutual: Bool = true
    ) async throws -> SocketAddress {
        let context = try TLSContext.server(
            TLSConfiguration(
                certificateChainPath: certificates.path("\(certificate).pem"), privateKeyPath: certificates.path("\(certificate).key"),
                trustedAuthoritiesPath: mutual ? certificates.path("ca.pem") : nil))
        return try await fixture.loop.perform { try fixture.server.listen(.tcp(host: "127.0.0.1", port: 0), tls: context) }
    }

    private func client(
        _ fixture: EchoFixture, _ target: SocketAddress, _ certificates: TestCertificates, authority: String = "ca",
        identity: String? = "client",
        host: String? = nil
    ) throws -> RPCClient {
        let context = try TLSContext.client(
            TLSConfiguration(
                certificateChainPath: identity.map { certificates.path("\($0).pem") },
                privateKeyPath: identity.map { certificates.path("\($0).key") },
                trustedAuthoritiesPath: certificates.path("\(authority).pem")))
        return RPCClient(loop: fixture.loop, target: target, tls: context, tlsHost: host)
    }

    private func tlsError(_ client: RPCClient) async -> TLSError? {
        let error = await #expect(throws: RPCError.self) {
            try await client.unary("/test.Echo/Unary", [1], deadline: .seconds(10))
        }
        #expect(error?.code == .unavailable)
        return error?.cause as? TLSError
    }

    @Test("calls of any size pass over mutual TLS, and the server knows the client's name", arguments: [nil, "localhost"])
    func mutual(host: String?) async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let client = try client(fixture, try await secured(fixture, certificates), certificates, host: host)
        for count in [0, 1, 20_000, 1 << 20, 16 << 20] {
            let message = [UInt8](repeating: 3, count: count)
            #expect(try await client.unary("/test.Echo/Unary", message) == message)
        }
        try await fixture.loop.perform {
            fixture.server.unaryNow("/test.Echo/Name") { _, stream in Array((stream.peerCertificateName ?? "none").utf8) }
        }
        #expect(try await client.unary("/test.Echo/Name", []) == Array("client".utf8))
        let call = await client.call("/test.Echo/Repeat")
        try await call.send([100] + [UInt8](repeating: 7, count: 99_999))
        call.halfClose()
        var bytes = 0
        while let message = try await call.next() { bytes += message.count }
        #expect(bytes == 10_000_000)
    }

    @Test(
        "a server whose certificate does not fit is refused with the reason",
        arguments: [
            ("server", "other-ca", TLSError.Kind.untrusted), ("expired", "ca", .expired), ("elsewhere", "ca", .wrongHost),
        ])
    func wrongServer(certificate: String, authority: String, kind: TLSError.Kind) async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let target = try await secured(fixture, certificates, certificate: certificate)
        let error = await tlsError(try client(fixture, target, certificates, authority: authority))
        #expect(error?.kind == kind, "\(String(describing: error))")
        #expect(error?.message.contains("\(target)") == true)
    }

    @Test("a client without a certificate, or with a stranger's, learns that it was refused", arguments: [nil, "stranger"])
    func wrongClient(identity: String?) async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let error = await tlsError(try client(fixture, try await secured(fixture, certificates), certificates, identity: identity))
        #expect(error?.kind == .refusedByPeer, "\(String(describing: error))")
    }

    @Test("without mutual TLS a client needs no certificate")
    func serverOnly() async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let client = try client(fixture, try await secured(fixture, certificates, mutual: false), certificates, identity: nil)
        #expect(try await client.unary("/test.Echo/Unary", [1]) == [1])
    }

    @Test("a TLS client of a cleartext port is told that the server does not speak TLS")
    func cleartextServer() async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let error = await tlsError(try client(fixture, fixture.address, certificates))
        #expect(error?.kind == .notTLS, "\(String(describing: error))")
    }

    @Test("a cleartext client of a TLS port fails at once and is told what to check")
    func cleartextClient() async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let client = RPCClient(loop: fixture.loop, target: try await secured(fixture, certificates))
        let error = await #expect(throws: RPCError.self) { try await client.unary("/test.Echo/Unary", [1]) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("without TLS") == true, "\(String(describing: error))")
    }

    @Test("a TLS client that comes to a cleartext server is dropped with the reason, and others are served on")
    func handshakeAtCleartextServer() async throws {
        let fixture = try await EchoFixture()
        let (ends, sink) = AsyncStream.makeStream(of: RPCError?.self)
        let pair = try Descriptor.socketPair()
        let served = LoopOwned(try pair.first.duplicate())
        try await fixture.loop.perform {
            fixture.server.adopt(served.take(), context: nil, received: [0x16, 3, 1, 2, 0]) { sink.yield($0) }
        }
        for await end in ends {
            #expect((end?.cause as? TLSError)?.kind == .needsTLS)
            break
        }
        #expect(try await fixture.client().unary("/test.Echo/Unary", [1]) == [1])
    }

    @Test("files that are missing, or a key that is another's, are named at once")
    func files() async throws {
        let certificates = try TestCertificates.shared.get()
        let missing = #expect(throws: TLSError.self) {
            try TLSContext.client(TLSConfiguration(trustedAuthoritiesPath: "/nowhere/ca.pem"))
        }
        #expect(missing?.kind == .file)
        #expect(missing?.message.contains("/nowhere/ca.pem") == true)
        let mixed = #expect(throws: TLSError.self) {
            try TLSContext.server(
                TLSConfiguration(certificateChainPath: certificates.path("server.pem"), privateKeyPath: certificates.path("client.key")))
        }
        #expect(mixed?.kind == .file)
        #expect(throws: TLSError.self) { try TLSContext.server(TLSConfiguration()) }
    }

    @Test("grpcio's client is served over mutual TLS", arguments: ["unary", "large", "bidirectional"])
    func grpcioClient(name: String) async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let target = try await secured(fixture, certificates)
        _ = try await PeerProcess.run(PeerProcess.python, ["\(PeerProcess.peers)/client.py", "\(target)", name, certificates.folder])
    }

    @Test("grpcio's server is called over mutual TLS")
    func grpcioServer() async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let process = try PeerProcess(PeerProcess.python, ["\(PeerProcess.peers)/server.py", certificates.folder])
        let line = try await process.firstLine()
        let port = try #require(UInt16(line), "server.py said: \(line)")
        let client = try client(fixture, .tcp(host: "127.0.0.1", port: port), certificates)
        let message = [UInt8](repeating: 3, count: 1 << 20)
        #expect(try await client.unary("/test.Echo/Unary", message) == message)
    }
}

/// Certificates that are renewed while connections stand.
@Suite(.timeLimit(.minutes(2))) struct TLSReloadTests {
    private static func copy(_ from: String, to folder: String, from certificates: TestCertificates) throws {
        for (ending, name) in [("pem", "own.pem"), ("key", "own.key")] {
            try File.replace("\(folder)/\(name)", with: try File.readAll(certificates.path("\(from).\(ending)"), limit: 1 << 20))
        }
    }

    @Test("a certificate that was replaced is shown to new connections, and connections that stand go on")
    func renewed() async throws {
        let (fixture, certificates) = (try await EchoFixture(), try TestCertificates.shared.get())
        let folder = try TestFolder.make()
        try Self.copy("expired", to: folder, from: certificates)
        let (events, event) = AsyncStream.makeStream(of: TLSReload.self)
        let files = TLSConfiguration(certificateChainPath: "\(folder)/own.pem", privateKeyPath: "\(folder)/own.key")
        let server = try TLSContext.server(files) { event.yield($0) }
        #expect(server.ownProblem?.kind == .expired)
        let target = try await fixture.loop.perform { try fixture.server.listen(.tcp(host: "127.0.0.1", port: 0), tls: server) }
        func client() throws -> RPCClient {
            RPCClient(
                loop: fixture.loop, target: target,
                tls: try TLSContext.client(TLSConfiguration(trustedAuthoritiesPath: certificates.path("ca.pem"))))
        }
        await #expect(throws: RPCError.self) { try await client().unary("/test.Echo/Unary", [1], deadline: .seconds(5)) }

        try Self.copy("server", to: folder, from: certificates)
        let standing = try client()
        #expect(try await standing.unary("/test.Echo/Unary", [1]) == [1])
        var heard = events.makeAsyncIterator()
        #expect(await heard.next()?.isProblem == false)
        #expect(server.ownProblem == nil)

        // Half of a renewal: the new key is not there yet.
        try File.replace("\(folder)/own.pem", with: try File.readAll(certificates.path("elsewhere.pem"), limit: 1 << 20))
        #expect(try await client().unary("/test.Echo/Unary", [2]) == [2])
        #expect(await heard.next()?.isProblem == true)
        #expect(try await standing.unary("/test.Echo/Unary", [3]) == [3])
    }

    @Test("a certificate of an authority that this side does not trust itself is named")
    func foreign() throws {
        let certificates = try TestCertificates.shared.get()
        func problem(_ name: String) throws -> TLSError? {
            try TLSContext.server(
                TLSConfiguration(
                    certificateChainPath: certificates.path("\(name).pem"), privateKeyPath: certificates.path("\(name).key"),
                    trustedAuthoritiesPath: certificates.path("ca.pem"))
            ).ownProblem
        }
        #expect(try problem("server") == nil)
        #expect(try problem("stranger")?.kind == .untrusted)
        #expect(try problem("expired")?.kind == .expired)
    }
}
