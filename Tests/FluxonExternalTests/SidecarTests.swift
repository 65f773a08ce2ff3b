import Fluxon
import FluxonCore
import FluxonExternal
import FluxonLocalSupport
import FluxonOwner
import FluxonSystem
import FluxonTestFiles
import Glibc
import Logging
import Testing

@Suite(.timeLimit(.minutes(2))) struct SidecarTests {
    @Test("a process attaches through its sidecar, and then needs it no more")
    func attach() async throws {
        let place = try await Place()
        let store = try await Store.connect(to: place.socket)
        #expect(store.isMapped)
        #expect(store.clusterName == "demo")
        #expect(store.ownerName == "owner-1")
        try await store.put("key", [UInt8](repeating: 3, count: 10_000))
        let value = try #require(try await store.get("key"))
        try await place.sidecar.stop()
        try await store.put("key", "after")
        #expect(try await store.get("key")?.copyBytes() == Array("after".utf8))
        #expect(try value.copyBytes() == [UInt8](repeating: 3, count: 10_000))
        let names = try await place.owner.inside { $0.service.descriptions.map(\.name) }
        #expect(names == ["worker-1"])
    }

    @Test("the owner knows the process and not the sidecar: its death gives everything back")
    func death() async throws {
        let place = try await Place()
        let probe = try await ProbeProcess.start([place.socket, "put:a:100000:1", "hold:a"])
        let child = probe.child.processID
        #expect(try await place.owner.inside { $0.service.descriptions.map(\.processID) } == [child])
        #expect(try await place.sidecar.attachedProcesses == [child])
        try probe.signal(SIGKILL)
        try await place.owner.until { $0.service.summary.processes == 0 }
        while try await !place.sidecar.attachedProcesses.isEmpty { try await place.owner.loop.sleep(for: .milliseconds(1)) }
    }

    @Test("without an owner, or with one of another cluster, a process is told so at once")
    func refusals() async throws {
        let folder = try TestFolder.make()
        let sidecar = try await RunningSidecar(folder: folder, cluster: "demo")
        await expect(.connectionFailed) { try await Store.connect(to: sidecar.socket) }
        try Place.describe("other", socket: "/tmp/nowhere.sock", in: folder)
        await expect(.clusterMismatch) { try await Store.connect(to: sidecar.socket) }
        try File.replace("\(folder)/shared.json", with: Array("{".utf8))
        await expect(.invalidConfiguration) { try await Store.connect(to: sidecar.socket) }
        try Place.describe("demo", socket: "/tmp/fluxon-nowhere-\(getpid()).sock", in: folder)
        await expect(.connectionFailed) { try await Store.connect(to: sidecar.socket) }
        var options = Store.Options()
        options.clusterName = "other"
        await expect(.clusterMismatch) { try await Store.connect(to: sidecar.socket, options: options) }
    }

    @Test("a store finds its way through a shared.json, and through a new one after the owner's restart")
    func sharedDescription() async throws {
        let place = try await Place()
        let store = try await Store.connect(to: "\(place.folder)/shared.json")
        try await store.put("key", "value")
        try await place.owner.crash()
        let next = try await LocalOwner(generation: 2)
        try Place.describe("demo", socket: next.path, in: place.folder)
        #expect(try await store.get("key") == nil)
        try await store.put("key", "again")
        #expect(try await next.inside { $0.service.summary.processes } == 1)
        // Also through the sidecar.
        #expect(try await Store.connect(to: place.socket).exists("key"))
    }

    @Test("a second sidecar of one name is refused, a dead one's socket is replaced")
    func secondSidecar() async throws {
        let place = try await Place()
        await expect(.alreadyInUse) { try await RunningSidecar(folder: place.folder, cluster: "demo") }
        try await place.sidecar.stop()
        try File.replace(place.socket, with: [])
        _ = try? File.remove(place.socket)
        _ = try await RunningSidecar(folder: place.folder, cluster: "demo")
    }
}

/// A sidecar in this process.
final class RunningSidecar: @unchecked Sendable {
    // SAFETY: `sidecar` is touched on the loop alone.
    let loop: EventLoop
    let socket: String
    private var sidecar: Sidecar?

    init(folder: String, cluster: String) async throws {
        loop = try EventLoop.started(name: "sidecar")
        let yaml = "cluster_name: \(cluster)\ninstance_key: worker-1\nshared_memory_path: \(folder)\nshared_file_path: \(folder)\n"
        let configuration = try ExternalConfiguration(yaml: yaml, file: "test.yaml")
        socket = configuration.socketPath
        try await loop.perform { [self] in
            let sidecar = Sidecar(loop: loop, configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try sidecar.start()
            self.sidecar = sidecar
        }
    }

    deinit { loop.stop() }

    func stop() async throws { try await loop.perform { [self] in sidecar?.stop() } }
    var attachedProcesses: [Int32] {
        get async throws { try await loop.perform { [self] in sidecar?.attachedProcesses ?? [] } }
    }
}

/// An owner with its `shared.json` and a sidecar beside it.
struct Place {
    let folder = TestFolder.fresh()
    let owner: LocalOwner
    let sidecar: RunningSidecar
    var socket: String { sidecar.socket }

    init() async throws {
        owner = try await LocalOwner()
        sidecar = try await RunningSidecar(folder: folder, cluster: "demo")
        try Self.describe("demo", socket: owner.path, in: folder)
    }

    static func describe(_ cluster: String, socket: String, in folder: String) throws {
        let description = SharedDescription(
            clusterName: cluster, subCluster: nil, owner: InstanceKey("owner-1"), epoch: 1, pool: "\(folder)/pool", indexSlots: 1,
            socket: socket,
            etcdEndpoints: [])
        try File.replace("\(folder)/shared.json", with: description.encoded())
    }
}

func expect<T>(_ code: FluxonError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> T) async {
    do {
        _ = try await body()
        Issue.record("no error", sourceLocation: sourceLocation)
    } catch {
        #expect((error as? FluxonError)?.code == code, "\(error)", sourceLocation: sourceLocation)
    }
}
