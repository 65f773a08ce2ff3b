import FluxonCore
import Testing

@testable import FluxonTransfer

/// Large reads over two rails and a slower transport, all simulated, under a clock that the test moves.
@Suite struct StripedFetchTests {
    static let asker = Asker(instance: InstanceKey("asker"), generation: Generation(1))
    static let version = Version(term: 1, sequence: 1)
    static let size = (8 << 20) + 12_345
    static let holder = InstanceKey("b")

    let clock = ManualTransferClock()
    let book = TicketBook(limits: TransferLimits())
    let source = TestMemory(size, seed: 3)
    let memory = TestMemory(size)
    let networks: [SimulatedNetwork]
    let paths: FetchPaths

    init() {
        let (clock, book) = (clock, book)
        networks = (0..<3).map { _ in
            let network = SimulatedNetwork(clock: clock)
            network.listen(at: "b", cluster: "c", source: book)
            return network
        }
        let names = [("rail 0", "rail"), ("rail 1", "rail"), ("slow", nil as String?)]
        paths = FetchPaths(
            zip(names, networks).map { name, network in
                SimulatedTransport(name: name.0, kind: name.1, network: network, cluster: "c", asker: Self.asker)
            }, clock: clock)
    }

    func request() throws -> FetchRequest {
        let (clock, book, source) = (clock, book, source)
        func ticket() -> Ticket? {
            try? book.issue(to: Self.asker, version: Self.version, bytes: source.source, now: clock.now) {}
        }
        let addresses = ["rail 0": "b", "rail 1": "b", "slow": "b"]
        var request = FetchRequest(
            peer: TransferPeer(name: Self.holder, addresses: addresses), ticket: try #require(ticket()), version: Self.version,
            range: 0..<UInt64(Self.size), destination: memory.destination, deadline: clock.now.advanced(by: .seconds(10)))
        request.renew = { _, answer in answer(ticket()) }
        return request
    }

    func outcome(
        of request: FetchRequest, then: (StripedFetch) -> Void = { _ in }
    ) throws -> Result<Void, TransferError> {
        var results: [Result<Void, TransferError>] = []
        let fetch = try #require(StripedFetch(request, paths: paths, limits: TransferLimits()) { results.append($0) })
        fetch.start()
        then(fetch)
        clock.run()
        #expect(results.count == 1)
        return try #require(results.first)
    }

    func bytes(_ transport: String) -> UInt64 {
        paths.statistics.peers[Self.holder]?.paths.first { $0.transport == transport }?.bytes ?? 0
    }

    @Test("each rail brings its half, under a ticket of its own")
    func halves() throws {
        try outcome(of: try request()).get()
        #expect(memory.matches(source, count: Self.size) && memory.guardsAreIntact)
        #expect(bytes("rail 0") + bytes("rail 1") == UInt64(Self.size))
        #expect(bytes("rail 0") > 4 << 20 && bytes("rail 1") > 3 << 20)
        #expect(book.count == 0)
    }

    @Test("a rail that breaks leaves its part to the other, and is set aside")
    func railBreaks() throws {
        networks[1].setFault(.killed(afterBytes: 1_000_000), at: "b")
        try outcome(of: try request()).get()
        #expect(memory.matches(source, count: Self.size))
        #expect(bytes("slow") == 0 && bytes("rail 0") > 7 << 20)
        #expect(paths.rails(to: try request().peer).map(\.transport.name) == ["rail 0"])
        clock.advance(by: PathHealth.shortestPause)
        #expect(paths.rails(to: try request().peer).count == 2)
    }

    @Test("when both break, the rest comes over the slower transport")
    func bothBreak() throws {
        for network in networks[..<2] { network.setFault(.killed(afterBytes: 1_000_000), at: "b") }
        try outcome(of: try request()).get()
        #expect(memory.matches(source, count: Self.size))
        #expect(bytes("slow") > 5 << 20)
    }

    @Test("a part that cannot be had ends the others, with what is there from the start on", arguments: [0, 1])
    func partFails(broken: Int) throws {
        var request = try request()
        let renew = try #require(request.renew)
        var isFirst = true
        request.renew = { rest, answer in
            // The ticket for the second part, and none after it.
            defer { isFirst = false }
            if isFirst { renew(rest, answer) } else { answer(nil) }
        }
        networks[broken].setFault(.killed(afterBytes: 1_000_000), at: "b")
        let error = try #require(try outcome(of: request).failure)
        guard case .connectionLost = error.reason else { throw error }
        #expect(error.verified > 0 && error.verified < Self.size)
        #expect(memory.matches(source, count: error.verified))
        #expect(book.count == 0)
    }

    @Test("cancelled: one completion, and no ticket pins anything")
    func cancelled() throws {
        let result = try outcome(of: try request()) { $0.cancel() }
        #expect(result.failure?.reason == .cancelled)
        book.revokeAll(of: Self.asker)  // those that never reached the source
        #expect(book.count == 0)
    }

    @Test("what is small, or has one rail, or gets no further ticket is not split")
    func whole() throws {
        var small = try request()
        small = FetchRequest(
            peer: small.peer, ticket: small.ticket, version: Self.version, range: 0..<(8 << 20) - 1, destination: memory.destination,
            deadline: small.deadline)
        small.renew = { _, answer in answer(nil) }
        #expect(StripedFetch(small, paths: paths, limits: TransferLimits()) { _ in } == nil)
        var single = try request()
        single.renew = nil
        #expect(StripedFetch(single, paths: paths, limits: TransferLimits()) { _ in } == nil)
        paths.transports.remove(at: 0)
        #expect(StripedFetch(try request(), paths: paths, limits: TransferLimits()) { _ in } == nil)
    }

    @Test("small reads take turns between rails")
    func turns() throws {
        let peer = try request().peer
        let names = (0..<4).compactMap { _ in paths.best(for: peer, except: [])?.transport.name }
        #expect(Set(names.prefix(2)) == ["rail 0", "rail 1"] && names[0] == names[2] && names[1] == names[3])
    }

    @Test(
        "parts are as equal as pages allow, none shorter than allowed, and cover the range",
        arguments: [(0..<10, 4, 1), (5..<5, 2, 4096), (100..<1_000_000, 3, 4096), (0..<9_000, 2, 4096), (0..<8192, 8, 4096)]
            as [(Range<UInt64>, Int, UInt64)])
    func split(range: Range<UInt64>, rails: Int, shortest: UInt64) {
        let parts = StripedFetch.split(range, over: rails, atLeast: shortest)
        #expect(parts.count <= rails && parts.first?.lowerBound == range.lowerBound && parts.last?.upperBound == range.upperBound)
        for (left, right) in zip(parts, parts.dropFirst()) { #expect(left.upperBound == right.lowerBound) }
    }
}
