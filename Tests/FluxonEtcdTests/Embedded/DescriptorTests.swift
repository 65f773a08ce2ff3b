import FluxonCore
import FluxonEtcd
import FluxonSystem
import FluxonTestFiles
import Foundation
import Testing

/// A server that may open few files, and others that hold them.
@Suite(.timeLimit(.minutes(1))) struct DescriptorTests {
    @Test("two hundred silent connections at 40 descriptors do not shut a new client out, and the log says once what to do")
    func silentConnections() async throws {
        let folder = try TemporaryFolder()
        let process = try EmbeddedProcess(path: folder.file("metadata.sqlite"), openFiles: 40)
        let address = try SocketAddress(parsing: process.endpoint)
        let resolved = try #require(try ResolvedAddress.resolve(address).first)
        var silent: [Silent] = []
        for _ in 0..<200 { silent.append(Silent(try Socket.connect(to: resolved).descriptor)) }
        let loop = try EventLoop.started(name: "test-client")
        defer { loop.stop() }
        let client = try await readyClient([process.endpoint], loop: loop)
        for round in 0..<20 {
            _ = try await client.put("a", "\(round)")
            for _ in 0..<20 { silent.append(Silent(try Socket.connect(to: resolved).descriptor)) }
        }
        #expect(try await client.get("a")?.valueText == "19")
        await client.close()
        let lines = try String(contentsOfFile: process.logPath, encoding: .utf8).split(separator: "\n")
        let told = lines.filter { $0.contains("no descriptor is left") }
        #expect(told.first?.contains("ulimit -n") == true)
        #expect((1...3).contains(told.count), "\(told.count) lines")
        #expect(silent.count == 600)
    }

    private final class Silent {
        let descriptor: Descriptor
        init(_ number: CInt) { descriptor = Descriptor(owning: number) }
    }
}
