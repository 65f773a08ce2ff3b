import FluxonCore
import Testing

@testable import FluxonTransfer

/// The fallback in the middle of a transfer, over two simulated transports and under a clock that the test moves.
@Suite struct FetchTests {
    static let asker = Asker(instance: InstanceKey("asker"), generation: Generation(1))
    static let version = Version(term: 1, sequence: 1)
    static let size = 2 << 20

    let clock = ManualTransferClock()
    let book = TicketBook(limits: TransferLimits())
    let source = TestMemory(size, seed: 11)
    let memory = TestMemory(size)
    let fast: SimulatedNetwork
    let slow: SimulatedNetwork
    let paths: FetchPaths

    init() {
        let clock = clock
        let book = book
        func network() -> SimulatedNetwork {
            let network = SimulatedNetwork(clock: clock)
            network.listen(at: "b", cluster: "c", source: book)
            return network
        }
        fast = network()
        slow = network()
        paths = FetchPaths(
            [
                SimulatedTransport(name: "fast", network: fast, cluster: "c", asker: Self.asker),
                SimulatedTransport(name: "slow", network: slow, cluster: "c", asker: Self.asker),
            ], clock: clock)
    }

    func ticket() throws -> Ticket {
        try book.issue(to: Self.asker, version: Self.version, bytes: source.source, now: clock.now) {}
    }

    func request(transports: [String] = ["fast", "slow"], deadline: Duration = .seconds(10)) throws -> FetchRequest {
        let peer = TransferPeer(name: InstanceKey("b"), addresses: Dictionary(uniqueKeysWithValues: transports.map { ($0, "b") }))
        return FetchRequest(
            peer: peer, ticket: try ticket(), version: Self.version, range: 0..<UInt64(Self.size), destination: memory.destination,
            deadline: clock.now.advanced(by: deadline))
    }

    /// Starts and lets time pass until nothing is left to happen.
    func outcome(of request: FetchRequest, then: (Fetch) -> Void = { _ in }) throws -> Result<Void, TransferError> {
        var results: [Result<Void, TransferError>] = []
        let fetch = Fetch(request, paths: paths) { results.append($0) }
        fetch.start()
        #expect(results.isEmpty, "never from within start")
        then(fetch)
        clock.run()
        #expect(results.count == 1)
        return try #require(results.first)
    }

    @Test("a path that breaks is followed by the next best, from the first byte missing, under another ticket")
    func fallback() throws {
        fast.setFault(.killed(afterBytes: 500_000), at: "b")
        var asked: [Range<UInt64>] = []
        var request = try request()
        request.renew = { rest, answer in
            asked.append(rest)
            answer(try? ticket())
        }
        try outcome(of: request).get()
        #expect(asked == [524_288..<UInt64(Self.size)])
        #expect(memory.matches(source, count: Self.size))
        #expect(book.count == 0)
        let told = try #require(paths.statistics.peers[InstanceKey("b")])
        #expect(told.fallbacks == 1 && told.lastTransport == "slow")
        #expect(told.paths.map(\.bytes) == [524_288, UInt64(Self.size) - 524_288] && told.paths.map(\.errors) == [1, 0])
        #expect(paths.aside("fast", to: InstanceKey("b")) > 0 && paths.aside("slow", to: InstanceKey("b")) == 0)
    }

    @Test("nobody there: the next path takes the same ticket, and the better one is used again when it is back")
    func recovery() throws {
        fast.setFault(.unreachable, at: "b")
        try outcome(of: try request()).get()
        fast.setFault(nil, at: "b")
        slow.setFault(.unreachable, at: "b")
        clock.advance(by: PathHealth.shortestPause)
        try outcome(of: try request()).get()
        #expect(memory.matches(source, count: Self.size))
        let told = try #require(paths.statistics.peers[InstanceKey("b")])
        #expect(told.fallbacks == 1, "the second read began on the path that it ended on")
        #expect(told.lastTransport == "fast" && told.paths.map(\.reads) == [1, 1])
    }

    @Test("without another ticket the failure says how much arrived, and a later fetch goes on from there")
    func partial() throws {
        fast.setFault(.damaged(chunk: 5), at: "b")
        let error = try #require(try outcome(of: try request()).failure)
        #expect(error.verified == 5 * TransferLimits().chunkBytes)
        let rest = FetchRequest(
            peer: try request().peer, ticket: try ticket(), version: Self.version, range: UInt64(error.verified)..<UInt64(Self.size),
            destination: memory.destination.dropFirst(error.verified), deadline: clock.now.advanced(by: .seconds(1)))
        try outcome(of: rest).get()
        #expect(memory.matches(source, count: Self.size))
    }

    @Test(
        "a holder that gives no further ticket, or no answer until the deadline, ends the fetch with what arrived",
        arguments: [true, false])
    func noRenewal(answers: Bool) throws {
        fast.setFault(.killed(afterBytes: 500_000), at: "b")
        var request = try request()
        request.renew = { _, answer in if answers { answer(nil) } }
        let error = try #require(try outcome(of: request).failure)
        if answers {
            guard case .connectionLost = error.reason else { throw error }
        } else {
            #expect(error.reason == .deadlineExceeded)
        }
        #expect(error.verified == 524_288)
    }

    @Test("when every path failed lately the best is tried all the same")
    func allAside() throws {
        let peer = try request().peer
        for (name, other) in [("fast", "slow"), ("slow", "fast")] {
            let path = try #require(paths.best(for: peer, except: [other]))
            paths.failed(path, to: peer, TransferError(.connectFailed("nobody there"), path: name))
            #expect(paths.best(for: peer, except: [])?.transport.name == other)
        }
    }

    @Test("a path that breaks every time is not tried for ever")
    func attempts() throws {
        var tickets = 0
        fast.setFault(.killed(afterBytes: 0), at: "b")
        var request = try request(transports: ["fast"])
        request.renew = { _, answer in
            tickets += 1
            answer(try? ticket())
        }
        let error = try #require(try outcome(of: request).failure)
        guard case .connectionLost = error.reason else { throw error }
        #expect(tickets == Fetch.attemptLimit - 1)
    }

    @Test("cancelling ends it in every state, and no path is tried after that")
    func cancel() throws {
        #expect(try outcome(of: try request()) { $0.cancel() }.failure?.reason == .cancelled)
        fast.setFault(.killed(afterBytes: 500_000), at: "b")
        var request = try request()
        var waiting: ((Ticket?) -> Void)?
        request.renew = { _, answer in waiting = answer }
        let result = try outcome(of: request) { fetch in
            _ = clock.schedule(at: clock.now.advanced(by: .milliseconds(100))) { fetch.cancel() }
        }
        #expect(result.failure?.reason == .cancelled)
        #expect(result.failure?.verified == 524_288)
        waiting?(try ticket())
        clock.run()
    }

    @Test("a device that is switched off in the middle costs its read a fallback and no error, and is not tried until it is on again")
    func switchedOff() throws {
        let switched = SwitchedTransport(SimulatedTransport(name: "fast", network: fast, cluster: "c", asker: Self.asker))
        let slow = SimulatedTransport(name: "slow", network: slow, cluster: "c", asker: Self.asker)
        let paths = FetchPaths([switched, slow], clock: clock)
        var request = try request()
        request.renew = { _, answer in answer(try? ticket()) }
        fast.setFault(.silent(afterBytes: 500_000), at: "b")
        let moving = Fetch(request, paths: paths) { #expect($0.failure == nil) }
        moving.start()
        _ = clock.schedule(at: clock.now.advanced(by: .milliseconds(100))) { switched.switchOff() }
        clock.run()
        #expect(memory.matches(source, count: Self.size))
        fast.setFault(nil, at: "b")
        func read() throws {
            Fetch(try self.request(), paths: paths) { #expect($0.failure == nil) }.start()
            clock.run()
        }
        try read()
        var told = try #require(paths.statistics.peers[InstanceKey("b")])
        #expect(told.fallbacks == 1 && told.paths.map(\.errors) == [0, 0] && told.paths.map(\.reads) == [0, 2])
        #expect(paths.aside("fast", to: InstanceKey("b")) == 0)
        switched.isOn = true
        try read()
        told = try #require(paths.statistics.peers[InstanceKey("b")])
        #expect(told.lastTransport == "fast" && told.paths.map(\.reads) == [1, 2])
    }

    @Test("a peer without an address that anybody here knows cannot be reached")
    func noAddress() throws {
        let error = try #require(try outcome(of: try request(transports: ["carrier pigeon"])).failure)
        guard case .connectFailed = error.reason else { throw error }
    }
}

/// A transport whose one device can be switched off.
private final class SwitchedTransport: Transport {
    private let transport: SimulatedTransport
    private var running: (any RunningRead)?
    var isOn = true
    var name: String { transport.name }

    init(_ transport: SimulatedTransport) { self.transport = transport }

    func canRead(from address: String) -> Bool { isOn }

    func read(_ order: ReadOrder, completion: @escaping (Result<Void, TransferError>) -> Void) -> any RunningRead {
        let read = transport.read(order) { [unowned self] result in
            completion(isOn ? result : result.mapError { TransferError(.disabled, verified: $0.verified, path: $0.path) })
        }
        running = read
        return read
    }

    func switchOff() {
        isOn = false
        running?.cancel()
    }

    func close() { transport.close() }
}

/// Time that passes only when a test lets it.
final class ManualTransferClock: TransferClock {
    private final class Timer: TransferTimer {
        let instant: BootInstant
        var body: (() -> Void)?
        init(instant: BootInstant, body: @escaping () -> Void) {
            self.instant = instant
            self.body = body
        }
        func cancel() { body = nil }
    }

    private(set) var now = BootInstant(nanoseconds: 1_000_000_000)
    private var timers: [Timer] = []

    func schedule(at instant: BootInstant, _ body: @escaping () -> Void) -> any TransferTimer {
        let timer = Timer(instant: max(instant, now), body: body)
        let place = timers.firstIndex { $0.instant > timer.instant } ?? timers.endIndex
        timers.insert(timer, at: place)
        return timer
    }

    func advance(by duration: Duration) { now = now.advanced(by: duration) }

    /// Fires everything, in order of time, until nothing is left.
    func run() {
        while !timers.isEmpty {
            let timer = timers.removeFirst()
            guard let body = timer.body else { continue }
            now = max(now, timer.instant)
            body()
        }
    }
}
