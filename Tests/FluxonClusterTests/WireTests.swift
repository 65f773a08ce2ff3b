import Fluxon
import FluxonCore
import FluxonRPC
import FluxonSeededRandom
import FluxonSystem
import FluxonWorkload
import Glibc
import Testing

/// What reaches the listening sockets of real roles from those who speak something else, or another version.
@Suite(.serialized, .timeLimit(.minutes(2))) struct WireTests {
    /// What a HTTP/2 client says first.
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private static let garbage: [[UInt8]] = {
        var random = SeededRandom(seed: 5)
        let noise = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        return [
            Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), [UInt8](repeating: 0, count: 10_000), [UInt8](repeating: 255, count: 10_000),
            noise,
            preface + noise, preface + [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1], [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
            // The handshake of a process, without its rest and with too much of it.
            AttachRequest.magic, AttachRequest.magic + [255, 255, 255, 255], AttachRequest.magic + noise,
        ]
    }()

    @Test("garbage on every listening socket of every role ends its own connection and nothing else")
    func garbage() async throws {
        let cluster = try TestCluster(hasExternals: true, hasProxies: true)
        let first = try await Store.connect(to: cluster.externalSocket(0))
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        var addresses = cluster.proxies.map { SocketAddress.tcp(host: "127.0.0.1", port: $0.port) }
        addresses += [0, 1].flatMap { [.unix(cluster.ownerSocket($0)), .unix(cluster.externalSocket($0))] }
        #expect(addresses.count == 10)
        for (number, address) in addresses.enumerated() {
            // Some stay open, half said.
            let open = try Self.garbage.map { try send($0, to: address) }
            try await first.put("key", TestValue.bytes(number: UInt64(number), count: 100_000))
            let value = try #require(try await second.get("key", timeout: .seconds(10)))
            #expect(TestValue.number(of: value) == UInt64(number), "after garbage on \(address)")
            for descriptor in open { close(descriptor) }
        }
        for role in cluster.masters + cluster.owners + cluster.externals {
            #expect(role.ending() == nil, "\(role.log)")
        }
    }

    /// The connection, which stays open for whoever closes it.
    private func send(_ bytes: [UInt8], to address: SocketAddress) throws -> CInt {
        let target = try #require(try ResolvedAddress.resolve(address).first)
        let socket = try Socket.connect(to: target).descriptor
        var writable = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        poll(&writable, 1, 1000)
        // What a role does not take any more it has refused.
        _ = bytes.withUnsafeBytes { Socket.send(socket, $0) }
        return socket
    }

    @Test("an owner of another protocol version is refused by the master, and its log says which of them to update")
    func ownerVersion() async throws {
        let cluster = try TestCluster(hasProxies: true)
        let links = try #require(cluster.proxies.first { $0.name == "links to master-1" })
        // The join's first field, with the number that this build has, and then the cluster's name.
        let join = JoinRequest(clusterName: "test", member: MemberDescription(role: .owner, instanceKey: InstanceKey("owner-1"))).encoded()
        let start = Array(join.prefix(8))
        #expect(start[1] == UInt8(ProtocolVersion.current))
        links.substitute(start, by: [start[0], UInt8(ProtocolVersion.current + 2)] + start[2...])
        cluster.owners[0].kill()
        #expect(throws: RoleFailure.self) { try cluster.owners[0].start(within: .seconds(4)) }
        #expect(cluster.owners[0].log.contains("protocol version \(ProtocolVersion.current + 2) is too far"))
        #expect(cluster.owners[0].log.contains("update the older side"))
        // The others are not concerned, and a neighbouring version is welcome.
        let second = try await Store.connect(to: cluster.ownerSocket(1))
        try await second.put("key", "value", timeout: .seconds(10))
        links.substitute(start, by: [start[0], UInt8(ProtocolVersion.current + 1)] + start[2...])
        cluster.owners[0].kill()
        try cluster.owners[0].start()
        let first = try await Store.connect(to: cluster.ownerSocket(0))
        #expect(try await first.get("key") != nil)
    }

    @Test("an external that finds an owner of another protocol version ends, and names both numbers")
    func externalVersion() async throws {
        let cluster = try TestCluster(owners: 1, hasExternals: true)
        _ = cluster.externals[0].stop()
        let path = cluster.sharedDescription(0)
        let text = String(decoding: try File.readAll(path, limit: 1 << 16), as: UTF8.self)
        let versions = text.replacing(/"protocol_version": ?\d+/, with: "\"protocol_version\": 9")
        #expect(versions != text)
        try File.replace(path, with: Array(versions.utf8))
        #expect(throws: RoleFailure.self) { try cluster.externals[0].start(within: .seconds(8)) }
        #expect(cluster.externals[0].log.contains("9") && cluster.externals[0].log.contains("version"))
    }

    @Test("a process of another protocol version is refused by owner and external, with both numbers; a neighbouring one is not")
    func processVersion() async throws {
        let cluster = try TestCluster(owners: 1, hasExternals: true)
        for path in [cluster.ownerSocket(0), cluster.externalSocket(0)] {
            let (code, message) = try await attach(to: path, version: UInt32(ProtocolVersion.current + 2))
            #expect(code == .versionMismatch)
            #expect(message.contains("\(ProtocolVersion.current + 2)") && message.contains("\(ProtocolVersion.current)"), "\(message)")
            #expect(try await attach(to: path, version: UInt32(ProtocolVersion.current + 1)).code == nil)
        }
    }

    private func attach(to path: String, version: UInt32) async throws -> (code: FluxonError.Code?, message: String) {
        let loop = try EventLoop.started(name: "attach")
        defer { loop.stop() }
        let request = AttachRequest(version: version, wishes: [], clusterName: "", processName: "test")
        return await withCheckedContinuation { continuation in
            loop.execute {
                AttachConnector.attach(loop: loop, path: path, request: request) { result in
                    switch result {
                    case .success: continuation.resume(returning: (nil, ""))
                    case .failure(let error): continuation.resume(returning: (error.code, error.message))
                    }
                }
            }
        }
    }
}
