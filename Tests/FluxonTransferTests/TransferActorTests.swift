import FluxonCore
import FluxonSystem
import Testing

@testable import FluxonTransfer

/// Two owners, each with its loop, over TCP.
@Suite(.timeLimit(.minutes(1))) struct TransferActorTests {
    static let version = Version(term: 1, sequence: 1)

    struct Owner: Sendable {
        let name: Asker
        let loop: EventLoop
        let transfer: TransferActor

        init(_ name: String, limits: TransferLimits = TransferLimits()) throws {
            self.name = Asker(instance: InstanceKey(name), generation: Generation(1))
            loop = try EventLoop.started(name: name)
            transfer = TransferActor(loop: loop, cluster: "c", owner: self.name, limits: limits)
        }

        /// This owner as others see it.
        func listen() async throws -> TransferPeer {
            let address = try await transfer.listen(on: .tcp(host: "127.0.0.1", port: 0))
            return TransferPeer(name: name.instance, addresses: [TCPTransport.name: "\(address)"])
        }

        func ticket(for asker: Asker, _ memory: TestMemory) async throws -> Ticket {
            try await transfer.issue(to: asker, version: version, memory: memory)
        }

        func stop() async {
            await transfer.close()
            loop.stop()
        }
    }

    static func request(_ peer: TransferPeer, _ ticket: Ticket, _ memory: TestMemory) -> FetchRequest {
        FetchRequest(
            peer: peer, ticket: ticket, version: version, range: 0..<UInt64(memory.bytes.count), destination: memory.destination,
            deadline: BootClock.now.advanced(by: .seconds(20)))
    }

    @Test("an owner reads from another, by task and by callback")
    func reads() async throws {
        let (holder, reader) = (try Owner("holder"), try Owner("reader"))
        let peer = try await holder.listen()
        let source = TestMemory(5_000_000, seed: 1)
        let memory = TestMemory(5_000_000)
        let ticket = try await holder.ticket(for: reader.name, source)
        try await reader.transfer.fetch(Self.request(peer, ticket, memory))
        #expect(memory.matches(source, count: 5_000_000))

        memory.fill(0)
        let another = try await holder.ticket(for: reader.name, source)
        let result: Result<Void, TransferError> = await withCheckedContinuation { continuation in
            reader.loop.execute {
                reader.transfer.assumeIsolated { transfer in
                    _ = transfer.start(Self.request(peer, another, memory)) { continuation.resume(returning: $0) }
                }
            }
        }
        try result.get()
        #expect(memory.matches(source, count: 5_000_000))
        #expect(await reader.transfer.runningCount == 0)
        let read = try #require(await reader.transfer.networkAnswer().peers.first)
        #expect(read.name == holder.name.instance && read.pathInUse == TCPTransport.name && read.fallbacks == 0)
        #expect(read.paths.map(\.bytes) == [10_000_000] && read.paths.map(\.reads) == [2])
        // The last byte is at the reader before the holder's loop has counted it.
        while await holder.transfer.networkAnswer().totals.first?.bytesServed != 10_000_000 { await Task.yield() }
        let served = await holder.transfer.networkAnswer().peers
        #expect(served.map(\.name) == [reader.name.instance] && served[0].pathInUse.isEmpty)
        await holder.transfer.sessionEnded(of: reader.name)
        #expect(await holder.transfer.networkAnswer().peers.isEmpty)
        await reader.stop()
        await holder.stop()
    }

    @Test("of many peers those with the most bytes are told, and how many are not")
    func busiestPeers() async throws {
        let owner = try Owner("owner")
        let answer = await owner.transfer.serving(["a": 1, "b": 3, "c": 2], peerLimit: 2)
        #expect(answer.peers.map(\.name.name) == ["b", "c"] && answer.peersLeftOut == 1 && answer.peerCount == 3)
        await owner.stop()
    }

    @Test("devices learn their settings once these are known, and each change; what nobody can read changes nothing")
    func devices() async throws {
        let owner = try Owner("owner")
        let told = await owner.transfer.switching { transfer in
            let devices = NetworkDevicesDouble(names: ["d0", "d1"])
            transfer.use(devices)
            var told = [devices.describe().map(\.state)]
            transfer.apply(.only(["d1"]), revision: 7)
            told.append(devices.describe().map(\.state))
            transfer.keepSettings(because: "garbage")
            told.append(devices.describe().map(\.state))
            return told
        }
        #expect(told == [[.unusable, .unusable], [.disabled, .active], [.disabled, .active]])
        let answer = await owner.transfer.networkAnswer()
        #expect(answer.settings == .only(["d1"]) && answer.settingsRevision == 7 && answer.problem == "garbage")
        let late = await owner.transfer.switching { transfer in
            let devices = NetworkDevicesDouble(names: ["d0", "d1"])
            transfer.use(devices)
            return devices.describe().map(\.state)
        }
        #expect(late == [.disabled, .active])
        await owner.stop()
    }

    @Test("cancelling the task cancels the fetch")
    func cancellation() async throws {
        let reader = try Owner("reader")
        // Accepts and never answers.
        let address = try RawPeer.answer([], thenWait: true)
        let peer = TransferPeer(name: InstanceKey("mute"), addresses: [TCPTransport.name: address])
        let task = Task {
            try await reader.transfer.fetch(Self.request(peer, Ticket(high: 1, low: 2), TestMemory(1000)))
        }
        task.cancel()
        let error = await #expect(throws: TransferError.self) { try await task.value }
        #expect(error?.reason == .cancelled)
        await reader.stop()
    }

    @Test("a ticket that nobody uses lets its source go; so does the end of the asker's session")
    func unusedTickets() async throws {
        var limits = TransferLimits()
        limits.unusedTicket = .milliseconds(50)
        let holder = try Owner("holder", limits: limits)
        let asker = Asker(instance: InstanceKey("a"), generation: Generation(1))
        await withCheckedContinuation { continuation in
            holder.loop.execute {
                holder.transfer.assumeIsolated { transfer in
                    let ticket = try? transfer.issueTicket(to: asker, version: Self.version, bytes: TestMemory(10).source) {
                        continuation.resume()
                    }
                    #expect(ticket != nil)
                }
            }
        }
        _ = try await holder.ticket(for: asker, TestMemory(10))
        await holder.transfer.sessionEnded(of: asker)
        #expect(await holder.transfer.ticketCount == 0)
        await holder.stop()
    }

    @Test("closing ends running fetches")
    func close() async throws {
        let reader = try Owner("reader")
        let peer = TransferPeer(name: InstanceKey("mute"), addresses: [TCPTransport.name: try RawPeer.answer([], thenWait: true)])
        let fetch = Task { try await reader.transfer.fetch(Self.request(peer, Ticket(high: 1, low: 2), TestMemory(1000))) }
        while await reader.transfer.runningCount == 0 { await Task.yield() }
        await reader.transfer.close()
        let error = await #expect(throws: TransferError.self) { try await fetch.value }
        #expect(error?.reason == .closed)
        reader.loop.stop()
    }
}

/// Devices that carry nothing and obey the settings.
private final class NetworkDevicesDouble: NetworkDevices {
    private let names: [String]
    private var settings: NetworkSettings?

    init(names: [String]) { self.names = names }

    func describe() -> [NetworkAnswer.Device] {
        names.map { name in .init(name: name, port: 1, state: settings.map { $0.allows(name) ? .active : .disabled } ?? .unusable) }
    }

    func apply(_ settings: NetworkSettings) { self.settings = settings }
}

extension TransferActor {
    fileprivate func switching<Told: Sendable>(_ body: @Sendable (isolated TransferActor) -> Told) -> Told { body(self) }

    fileprivate func serving(_ bytes: [String: UInt64], peerLimit: Int) -> NetworkAnswer {
        for (peer, count) in bytes { paths.served(TCPTransport.name, to: InstanceKey(peer), byteCount: count) }
        return networkAnswer(peerLimit: peerLimit)
    }

    fileprivate func issue(to asker: Asker, version: Version, memory: TestMemory) throws -> Ticket {
        try issueTicket(to: asker, version: version, bytes: memory.source) { _ = memory }
    }
}
