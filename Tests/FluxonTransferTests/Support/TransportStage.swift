import FluxonCore
import FluxonSystem
import FluxonTLS
import FluxonTestFiles
import FluxonTransfer
import Testing

/// Which transport a conformance test runs on.
enum TransportKind: CaseIterable, Sendable {
    case tcp, tls, simulated, rdma

    /// On a machine with RDMA verbs (scripts/test-rdma says so) they alone are tested: it is an emulated one, and slow.
    static let allCases: [TransportKind] = TestMachine.hasVerbs ? [.rdma] : [.tcp, .tls, .simulated]
}

/// What the two ends show of themselves and whom they trust.
struct StageTLS: Sendable {
    var source: TLSContext?
    var asker: TLSContext?

    /// Two owners that trust each other.
    static let shared = Task {
        let certificates = try TestCertificates.shared.get()
        return StageTLS(source: try .server(certificates.files("server")), asker: try .client(certificates.files("server")))
    }
}

/// What is wrong with the way to a source.
enum StageFault: Sendable {
    case unreachable
    case killed(afterBytes: Int)
    case silent(afterBytes: Int)
    case damaged(chunk: Int)
    /// Over RDMA: the source's device no longer knows its memory.
    case forgotten(afterBytes: Int)
}

/// An asker, a source and what lies between, on one loop.
actor TransportStage {
    static let asker = Asker(instance: InstanceKey("asker"), generation: Generation(1))
    static let version = Version(term: 3, sequence: 14)

    let kind: TransportKind
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }
    let limits: TransferLimits
    let book: TicketBook
    private let answering: AnsweringSource
    private var transport: (any Transport)?
    private var server: TCPServer?
    private var serverAddress: SocketAddress?
    private var wires: [FaultyWire] = []
    private var network: SimulatedNetwork?
    private var verbs: VerbsStage?
    private var sites = 0
    private var reads: [Int: any RunningRead] = [:]
    private var released = 0
    private var releaseWaiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    init(_ kind: TransportKind, limits: TransferLimits) throws {
        self.kind = kind
        self.limits = limits
        loop = try EventLoop.started(name: "stage")
        book = TicketBook(limits: limits)
        answering = AnsweringSource(book: book)
    }

    /// Runs `body` on a stage of its own and checks afterwards that nothing is pinned any more.
    static func run(
        _ kind: TransportKind, limits: TransferLimits = TransferLimits(), asCluster cluster: String = "c", tls: StageTLS? = nil,
        _ body: @Sendable (isolated TransportStage) async throws -> Void
    ) async throws {
        let stage = try TransportStage(kind, limits: limits)
        let security = kind == .tls ? try await StageTLS.shared.value : StageTLS()
        try await stage.perform(cluster: cluster, tls: tls ?? security, body)
        stage.loop.stop()
    }

    private func perform(cluster: String, tls: StageTLS, _ body: @Sendable (isolated TransportStage) async throws -> Void) async throws {
        switch kind {
        case .tcp, .tls:
            let server = TCPServer(loop: loop, cluster: "c", source: answering, limits: limits, tls: tls.source)
            serverAddress = try server.listen(on: .tcp(host: "127.0.0.1", port: 0))
            self.server = server
            transport = TCPTransport(loop: loop, cluster: cluster, asker: Self.asker, limits: limits, tls: tls.asker)
        case .simulated:
            let network = SimulatedNetwork(clock: loop)
            self.network = network
            transport = SimulatedTransport(network: network, cluster: cluster, asker: Self.asker, limits: limits)
        case .rdma:
            let verbs = try VerbsStage(loop: loop, source: answering, limits: limits)
            self.verbs = verbs
            transport = verbs.makeTransport(cluster: cluster, asker: Self.asker)
        }
        try await body(self)
        transport?.close()
        server?.close()
        verbs?.closeSources()
        // Queue pairs end in later turns.
        while verbs?.isIdle == false { try await loop.sleep(for: .milliseconds(1)) }
        verbs?.close()
        book.revokeAll(issuedUntil: BootInstant(nanoseconds: .max))
        #expect(book.count == 0, "a ticket still pins its source")
    }

    /// The address of a source behind `fault`.
    func address(_ fault: StageFault? = nil) throws -> String {
        sites += 1
        if let network {
            let address = "site \(sites)"
            network.listen(at: address, cluster: "c", source: answering)
            network.setFault(fault.map(\.simulated), at: address)
            return address
        }
        if let verbs { return try verbs.address(fault) }
        let upstream = try #require(serverAddress)
        let wireFault: FaultyWire.Fault
        switch fault {
        case nil: return "\(upstream)"
        case .unreachable:
            let bound = try Socket.listen(on: .tcp(host: "127.0.0.1", port: 0))
            return "\(try Socket.localAddress(of: bound.number))"  // closed again with the end of this scope
        case .killed(let bytes): wireFault = .cut(afterBytes: ResponseLayout.position(ofByte: bytes, limits))
        case .silent(let bytes): wireFault = .silent(afterBytes: ResponseLayout.position(ofByte: bytes, limits))
        case .forgotten: throw TransferError(.notRegistered, path: "TCP reads no registered memory")
        case .damaged(let chunk): wireFault = .flip(byte: ResponseLayout.position(ofByte: chunk * limits.chunkBytes, limits) + 7)
        }
        let wire = try FaultyWire(upstream: upstream, fault: wireFault)
        wires.append(wire)
        return wire.address
    }

    /// What the source says to every claim; nil: what the book says.
    func answer(_ answer: SourceAnswer?) { answering.answer = answer }

    func issue(_ memory: TestMemory, to asker: Asker = asker, offset: UInt64 = 0) throws -> Ticket {
        try verbs?.register(memory)
        return try book.issue(to: asker, version: Self.version, offset: offset, bytes: memory.source, now: loop.now) { [self] in
            _ = memory  // held until now
            assumeIsolated { $0.wasReleased() }
        }
    }

    func read(
        _ ticket: Ticket, range: Range<UInt64>, into memory: TestMemory, at address: String, version: Version = version,
        deadline: Duration = .seconds(20), started: ((any RunningRead) -> Void)? = nil
    ) async throws -> Result<Void, TransferError> {
        let transport = try #require(transport)
        try verbs?.register(memory)
        let order = ReadOrder(
            address: address, ticket: ticket, version: version, range: range, destination: memory.destination,
            deadline: loop.now.advanced(by: deadline))
        return await withCheckedContinuation { continuation in
            var isStarting = true
            let read = transport.read(order) { result in
                #expect(!isStarting, "never from within read")
                continuation.resume(returning: result)
            }
            isStarting = false
            started?(read)
            verbs?.watch(read, at: address)
        }
    }

    /// Reads a whole source.
    func read(_ source: TestMemory, into memory: TestMemory, at address: String) async throws -> Result<Void, TransferError> {
        try await read(try issue(source), range: 0..<UInt64(source.bytes.count), into: memory, at: address)
    }

    /// A way to the source over TCP that only a wire can be.
    func address(over fault: FaultyWire.Fault) throws -> String {
        let wire = try FaultyWire(upstream: try listening(), fault: fault)
        wires.append(wire)
        return wire.address
    }

    /// Over TCP: the serving side, and where it listens.
    func serving() throws -> TCPServer { try #require(server) }
    func listening() throws -> SocketAddress { try #require(serverAddress) }

    /// Over RDMA: a connected asker that a test drives by hand.
    func rawAsker() async throws -> RawVerbsAsker {
        let asker = try #require(verbs).rawAsker()
        let address = try address()
        let result: Result<Void, SystemError> = try await withCheckedThrowingContinuation { continuation in
            do { try asker.connect(to: address) { continuation.resume(returning: $0) } } catch { continuation.resume(throwing: error) }
        }
        try result.get()
        return asker
    }

    func closeTransport() { transport?.close() }
    func revoke(_ ticket: Ticket) { book.revoke(ticket) }

    /// Waits until the source let go of `count` tickets, since the start. Those that it has not seen are taken back first: on a busy
    /// machine a read may be cancelled, or over its deadline, before its request has arrived.
    func released(_ count: Int) async {
        book.revokeAll(issuedUntil: loop.now)
        if released >= count { return }
        await withCheckedContinuation { releaseWaiters.append((count, $0)) }
    }

    private func wasReleased() {
        released += 1
        for waiter in releaseWaiters where waiter.count <= released { waiter.continuation.resume() }
        releaseWaiters.removeAll { $0.count <= released }
    }
}

extension StageFault {
    fileprivate var simulated: SimulatedNetwork.Fault {
        switch self {
        case .unreachable: .unreachable
        case .killed(let bytes): .killed(afterBytes: bytes)
        case .silent(let bytes): .silent(afterBytes: bytes)
        case .damaged(let chunk): .damaged(chunk: chunk)
        case .forgotten(let bytes): .killed(afterBytes: bytes)
        }
    }
}

extension ResponseLayout {
    /// Where in a response a byte of the value lies.
    fileprivate static func position(ofByte byte: Int, _ limits: TransferLimits) -> Int {
        Frames.responseBytes + byte + byte / limits.chunkBytes * Frames.trailerBytes
    }
}

/// A book that can be told to answer something else.
private final class AnsweringSource: TransferSource {
    var answer: SourceAnswer?
    private let book: TicketBook

    init(book: TicketBook) { self.book = book }

    func redeem(_ claim: TicketClaim, on path: PathID) -> SourceAnswer { answer ?? book.redeem(claim, on: path) }
    func done(_ ticket: Ticket) { book.done(ticket) }
    func pathClosed(_ path: PathID) { book.pathClosed(path) }
}
