import FluxonSystem
import FluxonTestFiles
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1))) struct SocketTests {
    @Test(
        "an address is read in every form that members write",
        arguments: [
            ("127.0.0.1:2379", SocketAddress.tcp(host: "127.0.0.1", port: 2379)),
            ("owner.example:0", .tcp(host: "owner.example", port: 0)),
            ("[::1]:2379", .tcp(host: "::1", port: 2379)),
            ("unix:/run/fluxon.sock", .unix("/run/fluxon.sock")),
            ("/run/fluxon.sock", .unix("/run/fluxon.sock")),
        ])
    func parse(text: String, expected: SocketAddress) throws {
        #expect(try SocketAddress(parsing: text) == expected)
        #expect(try SocketAddress(parsing: expected.description) == expected)
    }

    @Test(
        "a wrong address is refused with the forms that there are",
        arguments: [
            "", "localhost", ":80", "host:70000", "host:-1", "unix:", "/" + String(repeating: "x", count: 107), "http://a/b:1",
            "https://host:80", "host:80/",
        ])
    func refuse(text: String) {
        let error = #expect(throws: SystemError.self) { try SocketAddress(parsing: text) }
        #expect(error?.description.contains("unix:/path") == true)
    }

    @Test("a listener on port 0 has a port and accepts who connects to it")
    func tcp() throws {
        let listener = try Socket.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let address = try Socket.localAddress(of: listener.number)
        guard case .tcp("127.0.0.1", let port) = address, port > 0, let resolved = try ResolvedAddress.resolve(address).first else {
            Issue.record("bound to \(address)")
            return
        }
        let client = Descriptor(owning: try Socket.connect(to: resolved).descriptor)
        #expect(try Socket.peerAddress(of: client.number) == address)
        let accepted = try Socket.accept(on: listener.number)
        if accepted == nil { Issue.record("accepted nothing") }
        if try Socket.accept(on: listener.number) != nil { Issue.record("accepted a second connection") }
    }

    @Test("a stale socket file is replaced, a served one is refused as in use, also one of a process that claims no names")
    func unixStale() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/socket"
        do { _ = try Socket.listen(on: .unix(path)) }
        var name = try SocketName(claiming: path)
        let listener = try name.listen()
        let error = #expect(throws: SystemError.self) { _ = try SocketName(claiming: path) }
        #expect(error?.isInUse == true)
        #expect(listener.number >= 0)
        _ = consume name
        #expect(try FileIdentity(at: path) == nil && FileIdentity(at: "\(path).lock") == nil)
        let old = try Socket.listen(on: .unix(path))
        let refused = #expect(throws: SystemError.self) {
            var other = try SocketName(claiming: path)
            _ = try other.listen()
        }
        #expect(refused?.isInUse == true)
        #expect(try FileIdentity(at: path) != nil)
        withExtendedLifetime(old) {}
    }

    @Test("what is no socket is not replaced by one, and what has taken a socket's place stays")
    func socketOfOthers() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/socket"
        try File.replace(path, with: [1])
        let error = #expect(throws: SystemError.self) {
            var name = try SocketName(claiming: path)
            _ = try name.listen()
        }
        #expect(error?.isInUse == true)
        #expect(try File.readAll(path, limit: 1) == [1])
        try File.remove(path)
        do {
            var name = try SocketName(claiming: path)
            _ = try name.listen()
            try File.replace(path, with: [2])
        }
        #expect(try File.readAll(path, limit: 1) == [2])
    }

    @Test("a socket is for its user and group alone")
    func socketMode() throws {
        let folder = try TemporaryFolder()
        var name = try SocketName(claiming: "\(folder.path)/socket")
        let listener = try name.listen()
        var status = stat()
        #expect(stat("\(folder.path)/socket", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o660)
        withExtendedLifetime(listener) {}
        withExtendedLifetime(name) {}
    }

    @Test("a process descriptor says whether its process is dead, and what is none is no process")
    func processEnd() throws {
        #expect(try !ProcessDescriptor(processID: getpid()).hasEnded())
        let child = try ChildProcess(executable: "/bin/true", arguments: [], environment: [:], output: File.inMemory(name: "output"))
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(10))
        #expect(try child.process.hasEnded())
        let first = try ProcessDescriptor(processID: getpid())
        #expect(try first.uniqueNumber == ProcessDescriptor(processID: getpid()).uniqueNumber)
        #expect(first.uniqueNumber == nil || first.uniqueNumber != child.process.uniqueNumber)
        #expect(throws: SystemError.self) { try ProcessDescriptor(owning: File.inMemory(name: "none")).hasEnded() }
    }

    @Test("connecting where nobody listens says so and what to check")
    func refused() throws {
        let resolved = try ResolvedAddress.resolve(.unix("/nowhere/at/all"))
        let error = #expect(throws: SystemError.self) { _ = try Socket.connect(to: resolved[0]) }
        #expect(error?.isRefused == true)
        #expect(error?.description.contains("/nowhere/at/all") == true)
    }

    @Test("descriptors pass over a socket, and those not taken are closed")
    func passing() throws {
        let pair = try Descriptor.socketPair()
        let first = try File.inMemory(name: "first")
        let second = try File.inMemory(name: "second")
        try File.resize(first, to: 4096)
        try File.resize(second, to: 8192)
        #expect(try Socket.sendDescriptors(pair.first.number, [first.number, second.number], with: [7, 8]) == .moved(2))
        let received = try #require(try Socket.receiveDescriptors(pair.second.number, byteCount: 16))
        #expect(received.bytes == [7, 8])
        #expect(received.count == 2)
        let taken = received.takeFirst()
        guard let taken else { return }
        #expect(try File.size(taken) == 4096)
        #expect(try Socket.receiveDescriptors(pair.second.number, byteCount: 16) == nil)
    }

    @Test("the peer of a socket pair is this process, and its process descriptor says so")
    func peer() throws {
        let pair = try Descriptor.socketPair()
        #expect(try PeerCredentials(of: pair.first.number).processID == getpid())
        let process = try ProcessDescriptor(peerOf: pair.first.number)
        #expect(process.processID == getpid())
        let own = try ProcessDescriptor(processID: getpid())
        try own.signal(0)
    }
}
