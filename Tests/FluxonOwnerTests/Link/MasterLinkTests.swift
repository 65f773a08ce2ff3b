import FluxonCore
import FluxonPool
import FluxonRPC
import FluxonSystem
import FluxonTransfer
import Logging
import Synchronization
import Testing

@testable import FluxonOwner

/// What an owner learns from its master beside frames.
@Suite(.timeLimit(.minutes(1))) struct MasterLinkTests {
    @Test("the directory's word that another owner's process is over reaches whoever holds tickets for it")
    func peerEnded() async throws {
        let loop = try EventLoop.started(name: "owner")
        let (ended, sink) = AsyncStream.makeStream(of: Asker.self)
        let stage = try await loop.perform { OnLoop(try LinkStage.make(loop) { sink.yield($0) }) }
        for await asker in ended {
            #expect(asker == Asker(instance: InstanceKey("other"), generation: Generation(7)))
            break
        }
        try await loop.perform {
            #expect(stage.value.link.owners[OwnerID(2)]?.incarnation == "8")
            stage.value.link.close()
            stage.value.master.close()
        }
        loop.stop()
    }

    @Test("a call that ends the leader's term is answered by that leader, though another one leads before the answer comes")
    func dialled() async throws {
        let loop = try EventLoop.started(name: "owner")
        let (endings, ended) = AsyncStream.makeStream(of: RPCStatus.self)
        let stage = try await loop.perform {
            let stage = try LinkStage.make(loop) { _ in }
            let next = RPCServer(loop: loop)
            let address = try next.listen(.tcp(host: "127.0.0.1", port: 0))
            stage.master.handle(MethodPath.controlRecover) { stream in
                stage.link.leaderChanged(to: address)
                stream.send([])
                stream.finish(.ok)
            }
            let client = try #require(stage.link.dial())
            let call = client.open(MethodPath.controlRecover, deadline: .seconds(10))
            call.onEnd = { status in
                ended.yield(status)
                client.close()
            }
            call.send([])
            call.halfClose()
            return OnLoop((stage: stage, next: next, call: call))
        }
        for await status in endings {
            #expect(status.isOK, "\(status)")
            break
        }
        try await loop.perform {
            stage.value.stage.link.close()
            for server in [stage.value.stage.master, stage.value.next] { server.close() }
        }
        loop.stop()
    }
}

/// A master that refuses.
@Suite(.timeLimit(.minutes(1))) struct MasterLinkRefusalTests {
    @Test("an owner that is refused asks again with growing pauses, over one connection, and says why once")
    func growingPauses() async throws {
        let loop = try EventLoop.started(name: "owner")
        let (joins, join) = AsyncStream.makeStream(of: (at: BootInstant, peer: String).self)
        let lines = LineRecorder()
        let stage = try await loop.perform {
            let master = RPCServer(loop: loop)
            master.handle(MethodPath.masterDirectory) { _ in }
            master.handle(MethodPath.masterLink) { stream in
                join.yield((loop.now, stream.peer))
                let refusal = LinkRefusal(.notYet, "copies may still be read; try again in \(loop.now)")
                stream.send(MasterFrame(term: 1, session: 0, control: .refused(refusal)).encoded())
                stream.finish(.ok)
            }
            let logger = Logger(label: "test") { _ in lines }
            let driver = ReplicaDriver(
                loop: loop, pool: try Pool(PoolStorage.anonymous(capacityBytes: 1 << 20), epoch: 1),
                configuration: ReplicaConfiguration(cluster: "c", instance: InstanceKey("owner"), life: 1), logger: logger)
            let link = MasterLink(
                loop: loop, cluster: "c", member: MemberDescription(role: .owner, instanceKey: InstanceKey("owner")), tls: nil,
                driver: driver, logger: logger)
            driver.send = { [weak link] in link?.send($0) }
            driver.refused = { [weak link] in link?.refused($0) }
            link.leaderChanged(to: try master.listen(.tcp(host: "127.0.0.1", port: 0)))
            return OnLoop((link: link, master: master))
        }
        var seen: [(at: BootInstant, peer: String)] = []
        for await join in joins {
            seen.append(join)
            if seen.count == 6 { break }
        }
        // 40, 80, 160, 320, 640 ms, a fifth less at most.
        #expect(seen[5].at.since(seen[0].at) > .milliseconds(980))
        #expect(Set(seen.map(\.peer)).count == 1)
        #expect(lines.count(of: "not taken yet") == 1)
        try await loop.perform {
            stage.value.link.close()
            stage.value.master.close()
        }
        loop.stop()
    }
}

/// Keeps what is logged.
private final class LineRecorder: LogHandler, @unchecked Sendable {
    // SAFETY: written and read on the test's loop and after it, behind the lock.
    private let lines = Mutex<[String]>([])
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { lines.withLock { $0.append("\(event.message)") } }
    func count(of words: String) -> Int { lines.withLock { $0.count { $0.contains(words) } } }
}

/// A link, and a master that says how another owner came back as another process.
private struct LinkStage {
    let link: MasterLink
    let master: RPCServer

    static func make(_ loop: EventLoop, onPeerEnded: @escaping (Asker) -> Void) throws -> LinkStage {
        let master = RPCServer(loop: loop)
        var streams: [RPCStream] = []
        master.handle(MethodPath.masterLink) { streams.append($0) }
        master.handle(MethodPath.masterDirectory) { stream in
            streams.append(stream)
            for life: UInt64 in [7, 8] { stream.send(directory(otherLife: life).encoded()) }
        }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let driver = ReplicaDriver(
            loop: loop, pool: try Pool(PoolStorage.anonymous(capacityBytes: 1 << 20), epoch: 1),
            configuration: ReplicaConfiguration(cluster: "c", instance: InstanceKey("owner"), life: 1), logger: logger)
        let link = MasterLink(
            loop: loop, cluster: "c", member: MemberDescription(role: .owner, instanceKey: InstanceKey("owner")), tls: nil,
            driver: driver, logger: logger)
        link.onPeerEnded = onPeerEnded
        link.leaderChanged(to: try master.listen(.tcp(host: "127.0.0.1", port: 0)))
        return LinkStage(link: link, master: master)
    }

    private static func directory(otherLife life: UInt64) -> DirectoryPage {
        var other = MemberDescription(role: .owner, instanceKey: InstanceKey("other"))
        other.incarnation = String(life, radix: 16)
        other.ownerNumber = 2
        return DirectoryPage(
            term: 1, revision: life, begins: life == 7,
            owners: [MembersAnswer.Member(description: other, state: "in", silentMilliseconds: 0)])
    }
}
