@testable import Fluxon
import FluxonCore
import FluxonLocalSupport
import FluxonOwner
import FluxonPool
import FluxonSystem
import Glibc
import Testing

@Suite(.timeLimit(.minutes(2))) struct ConnectionTests {
    @Test("a path where nobody serves is an error at once")
    func nobody() async throws {
        await expect(.connectionFailed) { try await Store.connect(to: "/tmp/fluxon-nobody-\(getpid()).sock") }
        await expect(.connectionFailed) { try await Store.connect(to: "/tmp/fluxon-nobody-\(getpid()).json") }
        await expect(.invalidArgument) { try await Store.connect(to: "/tmp/" + String(repeating: "x", count: 120)) }
    }

    @Test("a closed store leaves no thread and no descriptor behind, whether its owner lives or not", arguments: [true, false])
    func closed(ownerLives: Bool) async throws {
        let owner = try await LocalOwner()
        weak var loop: EventLoop?
        do {
            let store = try await Store.connect(to: owner.path)
            try await store.put("key", "value")
            loop = store.core.loop
            if !ownerLives { try await owner.crash() }
            store.close()
        }
        // Nothing is left to ask but the memory itself; the suite's limit ends a wait in vain.
        let other = try EventLoop.started(name: "test")
        defer { other.stop() }
        while loop != nil { try await other.sleep(for: .milliseconds(2)) }
    }

    @Test("an error says what was tried, and its cause once")
    func wording() async throws {
        let path = "/tmp/fluxon-nobody-\(getpid()).sock"
        let text = await fluxonError { try await Store.connect(to: path) }.map { "\($0)" } ?? ""
        #expect(text.hasPrefix("attach to \(path): "))
        #expect(text.split(separator: "No such file or directory").count == 2, "\(text)")
    }

    @Test("another cluster's owner is refused by name")
    func otherCluster() async throws {
        let owner = try await LocalOwner()
        var options = Store.Options()
        options.clusterName = "other"
        let error = await fluxonError { try await Store.connect(to: owner.path, options: options) }
        #expect(error?.code == .clusterMismatch)
        #expect(error?.message.contains("demo") == true)
        #expect(error?.message.contains("other") == true)
        options.clusterName = "demo"
        _ = try await Store.connect(to: owner.path, options: options)
    }

    @Test("a peer two protocol versions away is refused, with both numbers")
    func otherVersion() async throws {
        let owner = try await LocalOwner()
        let request = AttachRequest(version: 7, wishes: .mapping, clusterName: "", processName: "")
        let bytes = try await exchange(owner.path, request.encoded())
        let refusal = try #require(try AttachAnswer(decoding: bytes).refusal)
        #expect(refusal.code == .versionMismatch)
        #expect(refusal.message.contains("7"))
    }

    @Test("garbage, silence and half a handshake cost the owner nothing but a closed connection")
    func garbage() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        // Plain bytes are HTTP/2's affair: an error frame, then the end.
        _ = try await exchange(owner.path, Array("GET / HTTP/1.1\r\n\r\n".utf8))
        // A handshake of an absurd length, one cut short, one with a bad name.
        var absurd = AttachRequest(wishes: .mapping, clusterName: "", processName: "").encoded()
        absurd[6] = 0xFF
        #expect(try await exchange(owner.path, absurd).isEmpty)
        #expect(try await exchange(owner.path, Array(AttachRequest.magic), closing: true).isEmpty)
        #expect(try await exchange(owner.path, Array(AttachRequest.magic.prefix(2)), closing: true).isEmpty)
        var bad = AttachRequest(wishes: .mapping, clusterName: "", processName: "").encoded()
        bad[33] = 0xFF
        #expect(try await exchange(owner.path, bad).isEmpty)
        try await store.put("key", "still there")
        #expect(try await store.exists("key"))
    }

    @Test("a caller's deadline ends a put whose outcome nobody knows, and a get")
    func deadlines() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        try await store.put("warm", "x")
        try await owner.inside { $0.backend.isHeld = true }
        await expect(.unknownOutcome) { try await store.put("key", "value", timeout: .milliseconds(50)) }
        await expect(.unknownOutcome) { try await store.remove("key", timeout: .milliseconds(50)) }
        await expect(.deadlineExceeded) { try await store.get("missing", timeout: .milliseconds(50)) }
        await expect(.deadlineExceeded) { try await store.size("missing", timeout: .milliseconds(50)) }
        // A hit needs nobody.
        #expect(try await store.get("warm") != nil)
        try await owner.inside { $0.backend.isHeld = false }
        #expect(try await store.get("key") == nil)
    }

    @Test("a cancelled call ends at once: unknown when it was sent")
    func cancellation() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        try await owner.inside { $0.backend.isHeld = true }
        let put = Task { await fluxonError { try await store.put("key", "value") }?.code }
        let get = Task { await fluxonError { try await store.get("other") }?.code }
        try await owner.until { $0.backend.heldCount == 2 }
        put.cancel()
        get.cancel()
        #expect(await put.value == .unknownOutcome)
        #expect(await get.value == .cancelled)
        try await owner.until { $0.backend.cancelledLookups.count == 1 }
        try await owner.inside { $0.backend.isHeld = false }
        // Cancelling did not revoke it.
        #expect(try await store.get("key") != nil)
    }

    @Test("after a restart of the owner the store attaches again; held values stay, sent puts are unknown")
    func restart() async throws {
        let path = LocalOwner.freshPath()
        let first = try await LocalOwner(path: path, generation: 1)
        let store = try await Store.connect(to: path)
        try await store.put("key", "old")
        let held = try #require(try await store.get("key"))
        try await first.inside { $0.backend.isHeld = true }
        let put = Task { await fluxonError { try await store.put("sent", "x") }?.code }
        try await first.until { $0.backend.heldCount == 1 }
        try await first.crash()
        // A put that meets the crash itself may have been sent: a get is harmless, and has met it.
        _ = await fluxonError { try await store.get("other", timeout: .milliseconds(50)) }
        // Nobody there: a typed error at the deadline, with what was tried last.
        let error = await fluxonError { try await store.put("key", "new", timeout: .milliseconds(100)) }
        #expect(error?.code == .connectionFailed)
        let second = try await LocalOwner(path: path, generation: 2)
        #expect(await put.value == .unknownOutcome)
        #expect(try await store.get("key") == nil)
        try await store.put("key", "new")
        #expect(try await store.get("key")?.copyBytes() == Array("new".utf8))
        #expect(try held.copyBytes() == Array("old".utf8))
        #expect(try await second.inside { $0.service.summary.processes } == 1)
    }

    @Test("a value that was written before the owner's restart and not sent is put into the new pool")
    func restartWhileWriting() async throws {
        let path = LocalOwner.freshPath()
        let first = try await LocalOwner(path: path, generation: 1)
        let store = try await Store.connect(to: path)
        try await store.put("warm", [UInt8](repeating: 0, count: 5000))
        let (begun, beginning) = AsyncStream.makeStream(of: Void.self)
        let gate = Gate()
        let put = Task {
            try await store.put("key", count: 5000) { bytes in
                for offset in 0..<5000 { bytes.storeBytes(of: 9, toByteOffset: offset, as: UInt8.self) }
                beginning.yield()
                gate.wait()
            }
        }
        for await _ in begun { break }
        try await first.crash()
        let second = try await LocalOwner(path: path, generation: 2)
        try await until { try await store.size("warm") == nil }
        gate.open()
        _ = try await put.value
        #expect(try await store.get("key")?.copyBytes() == [UInt8](repeating: 9, count: 5000))
        #expect(try await second.inside { $0.service.summary.processes } == 1)
    }

    @Test("a broken connection to a living owner resumes: the same operation gets its one outcome")
    func resumption() async throws {
        let owner = try await LocalOwner()
        let store = try await Store.connect(to: owner.path)
        try await owner.inside { $0.backend.isHeld = true }
        let put = Task { try await store.put("key", "value") }
        try await owner.until { $0.backend.heldCount == 1 }
        try await owner.inside { $0.service.dropConnections() }
        try await owner.until { $0.service.descriptions.contains { $0.isConnected } }
        try await owner.inside { $0.backend.isHeld = false }
        let version = try await put.value
        let value = try #require(try await store.get("key"))
        #expect(value.version == version)
        #expect(try await owner.inside { $0.service.summary.processes } == 1)
    }

    @Test("a closed store gives everything back, unless a value is held")
    func closing() async throws {
        let owner = try await LocalOwner()
        let first = try await Store.connect(to: owner.path)
        try await first.put("key", "value")
        first.close()
        await expect(.closed) { try await first.put("key", "value") }
        try await owner.until { $0.service.summary.processes == 0 }
        let second = try await Store.connect(to: owner.path)
        let held = try #require(try await second.get("key"))
        second.close()
        try await owner.until { !$0.service.descriptions.contains { $0.isConnected } }
        #expect(try await owner.inside { $0.service.summary.processes } == 1)
        #expect(try held.copyBytes() == Array("value".utf8))
    }

    @Test("without shared memory every value is copied, both ways", arguments: [0, 1, 4096, 256 << 10, 3 << 20])
    func copies(count: Int) async throws {
        let owner = try await LocalOwner()
        var options = Store.Options()
        options.usesSharedMemory = false
        let store = try await Store.connect(to: owner.path, options: options)
        #expect(!store.isMapped)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ 5) }
        let version = try await store.put("key", bytes)
        let value = try #require(try await store.get("key"))
        #expect(value.version == version)
        #expect(try value.copyBytes() == bytes)
        let mapped = try await Store.connect(to: owner.path)
        #expect(try await mapped.get("key")?.copyBytes() == bytes)
        await expect(.valueTooLarge) { try await store.put("key", count: 20 << 20) { _ in } }
        await expect(.conditionFailed) { try await store.put("key", bytes, if: .absent) }
    }

    @Test("pages that lie idle at one process go to another that needs them")
    func recall() async throws {
        let owner = try await LocalOwner(capacityBytes: 16 << 20)
        let first = try await Store.connect(to: owner.path)
        for index in 0..<10 { try await first.put("first-\(index)", [UInt8](repeating: 1, count: 1 << 20)) }
        for index in 0..<10 { try await first.remove("first-\(index)") }
        let second = try await Store.connect(to: owner.path)
        for index in 0..<10 { try await second.put("second-\(index)", [UInt8](repeating: 2, count: 1 << 20)) }
        #expect(try await second.get("second-9") != nil)
        try await first.put("again", "x")
        #expect(try await second.get("again") != nil)
    }
}

/// Lets a thread wait for a test.
final class Gate: @unchecked Sendable {
    // SAFETY: a semaphore is made for use from several threads.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }
    deinit { semaphore.deallocate() }
    func wait() { sem_wait(semaphore) }
    func open() { sem_post(semaphore) }
}

func until(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { await Task.yield() }
}

/// Connects, sends `bytes`, gives back everything that comes until the other side closes.
func exchange(_ path: String, _ bytes: [UInt8], closing: Bool = false) async throws -> [UInt8] {
    let address = try #require(try ResolvedAddress.resolveWithoutNames(.unix(path))?.first)
    let socket = Descriptor(owning: try Socket.connect(to: address).descriptor)
    let sent = bytes.withUnsafeBytes { Socket.send(socket.number, $0) }
    #expect(sent == .moved(bytes.count))
    if closing { Socket.shutdownWrite(socket.number) }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        switch buffer.withUnsafeMutableBytes({ Socket.receive(socket.number, into: $0) }) {
        case .moved(let count): answer += buffer.prefix(count)
        case .wouldBlock: _ = try Kernel.waitReadable([socket.number], timeout: .seconds(20))
        case .ended, .failed: return answer
        }
    }
}
