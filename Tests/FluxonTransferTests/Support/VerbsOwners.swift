import FluxonCore
import FluxonSystem
import Glibc
import Synchronization
import Testing

@testable import FluxonTransfer

/// Two owners in one process on the machine's real RDMA devices and on TCP. Memory comes from one place that both have registered.
final class VerbsOwners: Sendable {
    typealias Owner = TransferActorTests.Owner

    let holder: Owner
    let reader: Owner
    private let tcp: TransferPeer
    private let arena: VerbsArena

    init(devices: [String]? = nil, limits: TransferLimits = VerbsOwners.patient) async throws {
        holder = try Owner("holder", limits: limits)
        reader = try Owner("reader", limits: limits)
        tcp = try await holder.listen()
        arena = try VerbsArena(byteCount: 256 << 20)
        for owner in [holder, reader] {
            let arena = arena
            let found = try await owner.transfer.perform { transfer in
                try transfer.openRDMA(arena.memory, choose: { devices ?? $0 }, onEvent: { _ in })
            }
            #expect(found)
            await owner.transfer.apply(.everyDevice, revision: 1)
            try await Self.prepared(owner, devices: devices?.count ?? 2)
        }
    }

    /// Returns when this many devices of the owner can be used.
    static func prepared(_ owner: Owner, devices: Int) async throws {
        while await owner.transfer.networkAnswer().devices.count(where: { $0.state == .active }) < devices {
            try await owner.loop.sleep(for: .milliseconds(1))
        }
    }

    /// An emulated machine is slow to connect.
    static let patient: TransferLimits = {
        var limits = TransferLimits()
        limits.connectPatience = .seconds(5)
        limits.connectLimit = .seconds(5)
        return limits
    }()

    /// The same with pieces so small and so few at a time that a large value takes many turns of the loop.
    static let gradual: TransferLimits = {
        var limits = patient
        limits.readPieceBytes = 64 << 10
        limits.readPiecesInFlight = 4
        return limits
    }()

    /// The holder as the reader sees it now.
    var peer: TransferPeer {
        get async {
            var addresses = tcp.addresses
            addresses["rdma"] = await holder.transfer.rdmaAddresses
            return TransferPeer(name: tcp.name, addresses: addresses)
        }
    }

    /// Memory that every device knows.
    func memory(_ byteCount: Int) -> VerbsArena.Piece { arena.take(byteCount) }

    /// Reads `source` into `target`, over as many paths as it takes.
    ///
    /// - Parameter started: Called on the reader's loop once the read runs.
    func read(
        _ source: VerbsArena.Piece, into target: VerbsArena.Piece, started: @escaping @Sendable () -> Void = {}
    ) async throws {
        let (holder, reader) = (holder, reader)
        let ticket = try await Self.ticket(holder, reader, source)
        var request = FetchRequest(
            peer: await peer, ticket: ticket, version: TransferActorTests.version, range: 0..<UInt64(source.byteCount),
            destination: target.destination, deadline: BootClock.now.advanced(by: .seconds(60)))
        request.renew = { _, answer in
            let answer = OnLoop(answer)
            Task {
                let ticket = try? await Self.ticket(holder, reader, source)
                reader.loop.execute { answer.value(ticket) }
            }
        }
        let carried = OnLoop(request)
        let result: Result<Void, TransferError> = await withCheckedContinuation { continuation in
            reader.loop.execute {
                reader.transfer.assumeIsolated { transfer in
                    _ = transfer.start(carried.value) { continuation.resume(returning: $0) }
                }
                started()
            }
        }
        try result.get()
    }

    private static func ticket(_ holder: Owner, _ reader: Owner, _ source: VerbsArena.Piece) async throws -> Ticket {
        try await holder.transfer.perform { transfer in
            try transfer.issueTicket(to: reader.name, version: TransferActorTests.version, bytes: source.source) {}
        }
    }

    /// What the reader tells of its paths to the holder, by name.
    var paths: [String: NetworkAnswer.Path] {
        get async {
            let peer = await reader.transfer.networkAnswer().peers.first
            return Dictionary(uniqueKeysWithValues: (peer?.paths ?? []).map { ($0.name, $0) })
        }
    }

    func stop() async {
        await reader.stop()
        await holder.stop()
    }
}

extension TransferActor {
    /// Runs `body` on this actor's loop.
    func perform<R: Sendable>(_ body: @Sendable (isolated TransferActor) throws -> R) rethrows -> R { try body(self) }
}

/// Memory for pieces that a device knows, taken one after the other.
final class VerbsArena: @unchecked Sendable {
    // SAFETY: mapped here for as long as the process lives; pieces do not overlap, and a mutex keeps the position.
    private let base: UnsafeMutableRawBufferPointer
    private let position = Mutex(0)

    struct Piece: @unchecked Sendable {
        // SAFETY: part of an arena; a test touches it only while no transfer does.
        let bytes: UnsafeMutableRawBufferPointer
        var byteCount: Int { bytes.count }
        var destination: Destination { Destination(bytes) }
        var source: SourceBytes { SourceBytes(UnsafeRawBufferPointer(bytes)) }

        /// With bytes that depend on the seed and, block by block, on their position.
        func fill(seed: Int) {
            let block = 64 << 10
            for index in 0..<min(byteCount, block) { bytes[index] = UInt8(truncatingIfNeeded: (index &+ seed) &* 0x9e37_79b9 >> 13) }
            for start in stride(from: block, to: byteCount, by: block) {
                let part = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(start + block, byteCount)])
                part.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<part.count]))
                part[start / block % part.count] &+= 1
            }
        }

        func matches(_ other: Piece) -> Bool {
            guard let base = bytes.baseAddress, let otherBase = other.bytes.baseAddress else { return false }
            return byteCount == other.byteCount && memcmp(base, otherBase, byteCount) == 0
        }
    }

    init(byteCount: Int) throws {
        let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        try #require(address != MAP_FAILED)
        base = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }

    var memory: TransferActor.RDMAMemory { TransferActor.RDMAMemory([base]) }

    func take(_ byteCount: Int) -> Piece {
        let start = position.withLock { position in
            defer { position += (byteCount + 4095) & ~4095 }
            return position
        }
        return Piece(bytes: UnsafeMutableRawBufferPointer(rebasing: base[start..<start + byteCount]))
    }
}
