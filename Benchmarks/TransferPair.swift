import FluxonCore
import FluxonMeasure
import FluxonSystem
import FluxonTransfer

/// Pages as a pool has them.
final class SharedBuffer: @unchecked Sendable {
    // SAFETY: mapped for the life of this object; the two sides of a benchmark use one each, in turn.
    private let region: MappedRegion
    let bytes: UnsafeMutableRawBufferPointer

    init(_ byteCount: Int, filledWith byte: UInt8) throws {
        let file = try File.inMemory(name: "fluxon-benchmark")
        try File.resize(file, to: UInt64(byteCount))
        region = try MappedRegion(file: file, byteCount: byteCount, access: .readWrite)
        bytes = region.bytes
        bytes.initializeMemory(as: UInt8.self, repeating: byte)
    }
}

/// Two owners of this process, one of which reads what the other holds.
struct TransferPair {
    static let version = Version(term: 1, sequence: 1)

    let serving: TransferActor
    let reading: TransferActor
    /// The holder, as the reader knows it.
    let peer: TransferPeer
    let source: SharedBuffer
    /// One for each transfer in flight.
    let destinations: [SharedBuffer]
    private let reader: Asker

    /// Without an address yet.
    private init(bytes: Int, inFlight: Int, limits: TransferLimits, loops: (holder: EventLoop, reader: EventLoop)) throws {
        var limits = limits
        // Tickets are made before the clock runs: in the cluster one comes with the answer that says where a value is.
        limits.ticketsPerAsker = .max
        limits.unusedTicket = .seconds(3600)
        reader = Asker(instance: InstanceKey("reader"), generation: Generation(1))
        let holder = Asker(instance: InstanceKey("holder"), generation: Generation(1))
        serving = TransferActor(loop: loops.holder, cluster: "benchmark", owner: holder, limits: limits)
        reading = TransferActor(loop: loops.reader, cluster: "benchmark", owner: reader, limits: limits)
        peer = TransferPeer(name: holder.instance, addresses: [:])
        source = try SharedBuffer(bytes, filledWith: 7)
        destinations = try (0..<inFlight).map { _ in try SharedBuffer(bytes, filledWith: 0) }
    }

    private init(_ pair: TransferPair, addresses: [String: String]) {
        (serving, reading, source, destinations, reader) = (pair.serving, pair.reading, pair.source, pair.destinations, pair.reader)
        peer = TransferPeer(name: pair.peer.name, addresses: addresses)
    }

    static func overTCP(bytes: Int, inFlight: Int, loops: (holder: EventLoop, reader: EventLoop)) async throws -> TransferPair {
        let pair = try TransferPair(bytes: bytes, inFlight: inFlight, limits: TransferLimits(), loops: loops)
        let address = try await pair.serving.listen(on: .tcp(host: "127.0.0.1", port: 0))
        return TransferPair(pair, addresses: [TCPTransport.name: "\(address)"])
    }

    /// Over nothing but RDMA.
    ///
    /// - Parameter device: By its name.
    static func overRDMA(
        device: String, bytes: Int, inFlight: Int, limits: TransferLimits = TransferLimits(),
        loops: (holder: EventLoop, reader: EventLoop)
    ) async throws -> TransferPair {
        let pair = try TransferPair(bytes: bytes, inFlight: inFlight, limits: limits, loops: loops)
        for (actor, buffers) in [(pair.serving, [pair.source]), (pair.reading, pair.destinations)] {
            try await actor.use(device, buffers)
        }
        return TransferPair(pair, addresses: [TransferActor.rdmaKind: await pair.serving.rdmaAddresses])
    }

    func tickets(_ count: Int) async throws -> [Ticket] { try await serving.issue(count, to: reader, source) }

    /// Whether every byte that was read is the source's.
    var isRight: Bool { destinations.allSatisfy { $0.bytes.elementsEqual(source.bytes) } }

    func close() async {
        await reading.close()
        await serving.close()
    }
}

extension TransferActor {
    fileprivate func issue(_ count: Int, to asker: Asker, _ source: SharedBuffer) throws -> [Ticket] {
        try (0..<count).map { _ in
            try issueTicket(to: asker, version: TransferPair.version, bytes: SourceBytes(UnsafeRawBufferPointer(source.bytes))) {
                _ = source
            }
        }
    }

    fileprivate func use(_ device: String, _ buffers: [SharedBuffer]) throws {
        var problem: String?
        _ = try openRDMA(RDMAMemory(buffers.map(\.bytes)), choose: { $0.filter { $0 == device } }) { event in
            if event.isProblem { problem = "\(event)" }
        }
        apply(.everyDevice, revision: 1)
        guard !rdmaAddresses.isEmpty else { throw BenchmarkFailure("\(device) is not used: \(problem ?? "no reason was told")") }
    }
}
