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
        await reader.stop()
        await holder.stop()
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

extension TransferActor {
    fileprivate func issue(to asker: Asker, version: Version, memory: TestMemory) throws -> Ticket {
        try issueTicket(to: asker, version: version, bytes: memory.source) { _ = memory }
    }
}
