import FluxonCore
import FluxonPool
import FluxonRPC
import FluxonSystem
import FluxonTransfer
import Glibc
import Logging

@testable import FluxonOwner

/// Three owners and a master's rules on one loop, with sockets between the owners: an asker whose directory has an address of the holder where
/// nobody listens, and a relay that knows the right one.
final class RelayStage: @unchecked Sendable {
    // SAFETY: everything below is touched on `loop` alone.
    enum Role: UInt32, CaseIterable { case asker = 1, holder, relay }

    /// What the figures of one owner say of what it has given out or keeps.
    struct Footprint: Equatable {
        var liveBytes = 0
        var tickets = 0
        var heldBytes = 0
        var waiting = 0
    }

    final class Owner {
        let driver: ReplicaDriver
        let transfer: TransferActor
        let peers: OwnerPeers
        let fetcher: ReplicaFetcher
        let relay: RelayService
        let link: MasterLink
        let service: OwnerService
        let server: RPCServer
        let member: MemberDescription
        var directory: [OwnerID: MemberDescription] = [:]
        /// What the master was told cannot be reached, each time.
        var reported: [[OwnerID]] = []
        fileprivate var operations: UInt64 = 0

        init(_ role: Role, loop: EventLoop, poolBytes: Int, relayBytes: Int) throws {
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let identity = Asker(instance: InstanceKey("\(role)"), generation: Generation(UInt64(role.rawValue)))
            transfer = TransferActor(loop: loop, cluster: "c", owner: identity)
            let pool = try Pool(PoolStorage.anonymous(capacityBytes: poolBytes), epoch: 1)
            var configuration = ReplicaConfiguration(cluster: "c", instance: identity.instance, life: UInt64(role.rawValue))
            configuration.isRelay = relayBytes > 0
            driver = ReplicaDriver(loop: loop, pool: pool, configuration: configuration, logger: logger)
            let directory = OnLoop(Holder())
            peers = OwnerPeers(loop: loop, transfer: transfer, identity: identity, tls: nil, logger: logger) {
                directory.value.owner?.directory ?? [:]
            }
            fetcher = ReplicaFetcher(loop: loop, transfer: transfer, peers: peers, driver: driver, logger: logger)
            relay = RelayService(loop: loop, driver: driver, peers: peers, transfer: transfer, limitBytes: relayBytes)
            var member = MemberDescription(role: .owner, instanceKey: identity.instance)
            link = MasterLink(loop: loop, cluster: "c", member: member, tls: nil, driver: driver, logger: logger)
            service = OwnerService(driver: driver, link: link, transfer: transfer, relay: relay) {
                []
            }
            server = RPCServer(loop: loop)
            service.registerPeers(on: server)
            let any = SocketAddress.tcp(host: "127.0.0.1", port: 0)
            member.address = "\(try server.listen(any))"
            member.bulkAddress = "\(try transfer.assumeIsolated { try $0.listen(on: any) })"
            self.member = member
            directory.value.owner = self
            driver.startFetch = { [fetcher] in fetcher.start($0) }
            peers.onChange = { [weak self] in
                self?.reported.append($0)
                self?.driver.reachabilityChanged(unreachable: $0)
            }
        }

        private final class Holder { weak var owner: Owner? }

        func join(_ master: StagedMaster, _ number: UInt64) {
            driver.send = master.connect(number) { [weak driver] in driver?.received($0) }
            driver.connected()
        }

        var footprint: Footprint {
            Footprint(
                liveBytes: Int(driver.pool.statistics.liveBytes), tickets: transfer.assumeIsolated { $0.ticketCount },
                heldBytes: relay.heldBytes, waiting: relay.waitingCount)
        }

        func close() {
            fetcher.close()
            relay.close()
            peers.close()
            server.close()
            transfer.assumeIsolated { $0.close() }
        }
    }

    let loop: EventLoop
    private var master: StagedMaster?
    private var owners: [Role: Owner] = [:]

    init(poolBytes: Int = 64 << 20, relayBytes: Int = Limits.relayBytes) async throws {
        let loop = try EventLoop.started(name: "relay-stage")
        self.loop = loop
        try await loop.perform { [self] in
            let master = StagedMaster(loop: loop)
            self.master = master
            for role in Role.allCases {
                let owner = try Owner(role, loop: loop, poolBytes: poolBytes, relayBytes: relayBytes)
                owners[role] = owner
                owner.join(master, UInt64(role.rawValue))
            }
        }
        for role in Role.allCases {
            try await wait(role) { owner in owner.driver.isValid }
        }
        try await loop.perform { [self] in
            // As the master has numbered them.
            let members = owners.values.map { ($0.driver.owner, $0.member) }
            for owner in owners.values { owner.directory = Dictionary(uniqueKeysWithValues: members) }
            let holder = owners[.holder]?.driver.owner ?? OwnerID(0)
            owners[.asker]?.directory[holder]?.address = "127.0.0.1:\(try Kernel.freeLoopbackPort())"
            owners[.asker]?.directory[holder]?.bulkAddress = "127.0.0.1:\(try Kernel.freeLoopbackPort())"
        }
    }

    func on<Result: Sendable>(_ role: Role, _ body: @escaping @Sendable (Owner) throws -> Result) async throws -> Result {
        try await loop.perform { [self] in
            guard let owner = owners[role] else { throw CancellationError() }
            return try body(owner)
        }
    }

    /// Asks turn by turn until it holds.
    func wait(_ role: Role, until holds: @escaping @Sendable (Owner) -> Bool) async throws {
        while try await !on(role, holds) { await Task.yield() }
    }

    /// From now on the asker has the right addresses.
    func repair() async throws {
        try await loop.perform { [self] in
            guard let holder = owners[.holder] else { return }
            owners[.asker]?.directory[holder.driver.owner] = holder.member
            owners[.asker]?.peers.directoryChanged()
        }
    }

    /// A put at the holder.
    func put(_ key: Key, number: UInt8, count: Int) async throws {
        try await commit(key) { pool in
            let extent = try pool.allocate(count, tenant: .owner)
            if let memory = pool.bytes(of: extent) { Self.fill(UnsafeMutableRawBufferPointer(rebasing: memory.prefix(count)), number) }
            return .put(extent: extent, length: UInt64(count))
        }
    }

    /// A remove at the holder.
    func remove(_ key: Key) async throws { try await commit(key) { _ in .remove } }

    private func commit(_ key: Key, _ operation: @escaping @Sendable (Pool) throws -> LocalCommit.Operation) async throws {
        let result: LocalResult = try await withCheckedThrowingContinuation { continuation in
            loop.execute { [self] in
                do {
                    guard let owner = owners[.holder] else { throw CancellationError() }
                    owner.operations += 1
                    let commit = LocalCommit(
                        token: OperationToken(process: 1, counter: owner.operations), key: key,
                        operation: try operation(owner.driver.pool), condition: .none, deadline: loop.now.advanced(by: .seconds(20)))
                    owner.driver.commit(commit) { continuation.resume(returning: $0) }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
        guard case .committed = result else { throw FluxonError(.unavailable, "the commit ended in \(result)") }
    }

    /// The version that the holder has.
    func version(of key: Key) async throws -> Version {
        try await on(.holder) { owner in
            guard let copy = owner.driver.pool.find(key) else { throw CancellationError() }
            return copy.version
        }
    }

    /// A get at the asker: the number that was put, from bytes all over it. Nil: absent.
    func get(_ key: Key, within limit: Duration = .seconds(20)) async throws -> UInt8? {
        try await withCheckedThrowingContinuation { continuation in
            loop.execute { [self] in
                guard let owner = owners[.asker] else { return continuation.resume(throwing: CancellationError()) }
                owner.operations += 1
                let lookup = LocalLookup(
                    number: owner.operations, key: key, wish: .bytes, isLocal: false, deadline: loop.now.advanced(by: limit))
                owner.driver.look(lookup) { finding in
                    switch finding {
                    case .found(let copy), .unlisted(let copy):
                        let bytes = owner.driver.pool.bytes(of: copy.extent).map(UnsafeRawBufferPointer.init)
                        let number = bytes.flatMap { Self.number(in: UnsafeRawBufferPointer(rebasing: $0.prefix(Int(copy.length)))) }
                        continuation.resume(returning: number)
                    case .failed(let error): continuation.resume(throwing: error)
                    case .absent, .described: continuation.resume(returning: nil)
                    }
                }
            }
        }
    }

    private static func fill(_ bytes: UnsafeMutableRawBufferPointer, _ number: UInt8) {
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        for index in places(bytes.count) { bytes[index] = byte(index, number) }
    }

    /// Nil: not the bytes of any `fill`.
    private static func number(in bytes: UnsafeRawBufferPointer) -> UInt8? {
        guard let first = bytes.first else { return nil }
        let number = first &- byte(0, 0)
        return places(bytes.count).allSatisfy { bytes[$0] == byte($0, number) } ? number : nil
    }

    /// Some in each packet, and the last one: all of them take long in a debug build.
    private static func places(_ count: Int) -> [Int] { Array(stride(from: 0, to: count, by: 509)) + (count > 0 ? [count - 1] : []) }

    private static func byte(_ index: Int, _ number: UInt8) -> UInt8 {
        UInt8(truncatingIfNeeded: (index >> 16) &+ index) &+ number
    }

    /// The asker asks the relay for one piece, as `RelayedRead` does, and leaves the rest to the test.
    func ask(_ key: Key, _ version: Version, _ range: Range<UInt64>, as name: String = "asker") async throws -> PieceCall {
        let call = PieceCall()
        let holder = try await on(.holder) { $0.driver.owner }
        let relay = try await on(.relay) { $0.driver.owner }
        try await on(.asker) { owner in
            let request = TicketRequest(
                key: key, version: version, asker: InstanceKey(name), generation: Generation(1),
                relayed: RelayedRange(holder: holder, range: range))
            call.stream = owner.peers.askTicket(request, of: relay, deadline: Limits.relayTicketDeadline) {
                call.answer = $0
                call.isOver = true
            }
        }
        return call
    }

    func stop() async {
        try? await loop.perform { [self] in
            for owner in owners.values { owner.close() }
            owners = [:]
        }
        loop.stop()
    }
}

/// A call for one piece. On the stage's loop.
final class PieceCall: @unchecked Sendable {
    // SAFETY: touched on the stage's loop alone.
    var stream: RPCStream?
    var answer: TicketAnswer?
    var isOver = false
}
