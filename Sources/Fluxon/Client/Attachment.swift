internal import FluxonCore
internal import FluxonPool
internal import FluxonRPC
internal import FluxonSystem

/// What a process has of one life of its owner: mappings, granted extents, the session's name. Immutable but for the cache.
final class Attachment: Sendable {
    let session: UInt64
    let generation: UInt64
    let clusterName: String
    let ownerName: String
    /// Of the owner's pool.
    let poolByteCount: Int
    /// Nil: values come by copies.
    let view: PoolView?
    /// Nil: puts go by copies.
    let arena: WriteArena?
    let cache: ExtentCache
    let habit = PutHabit()

    init(
        session: UInt64, generation: UInt64, clusterName: String, ownerName: String, poolByteCount: Int, view: PoolView?, arena: WriteArena?
    ) {
        self.session = session
        self.generation = generation
        self.clusterName = clusterName
        self.ownerName = ownerName
        self.poolByteCount = poolByteCount
        self.view = view
        self.arena = arena
        cache = ExtentCache(limit: arena?.byteCount ?? 0)
    }

    /// Maps what the owner passed.
    ///
    /// - Throws: `.protocolViolation` for a pool that is none, `.system`.
    convenience init(_ socket: AttachedSocket, usesSharedMemory: Bool, prefaults: Bool) throws(FluxonError) {
        let answer = socket.answer
        var view: PoolView?
        var arena: WriteArena?
        // CONSISTENCY §1: with another clock (a time namespace) this process could not judge the owner's validity.
        if usesSharedMemory, socket.isClockShared, answer.grants.contains(.mapping), let pool = socket.takeDescriptor(),
            let pins = socket.takeDescriptor(), let heat = socket.takeDescriptor()
        {
            do throws(PoolError) {
                let pool = MemoryFile(owning: pool, name: "pool of \(answer.ownerName)")
                view = try PoolView(
                    pool: pool, pins: MemoryFile(owning: pins, name: "pins"), heat: MemoryFile(owning: heat, name: "heat"),
                    grantedPins: Int(clamping: answer.pinWords))
                arena = answer.grants.contains(.writing) ? try WriteArena(pool: pool) : nil
                if prefaults { view?.prefaultInBackground() }
            } catch {
                throw FluxonError(.system, "map the pool of the owner \(answer.ownerName)", cause: error)
            }
        }
        self.init(
            session: answer.session, generation: answer.generation, clusterName: answer.clusterName, ownerName: answer.ownerName,
            poolByteCount: answer.poolByteCount == 0 ? .max : Int(clamping: answer.poolByteCount), view: view, arena: arena)
    }

    /// Maps the spans of a grant, then gives its extents.
    ///
    /// - Throws: `.damaged` for what is not of this pool, `.system`.
    func accept(_ grant: LocalAnswer.Grant) throws(PoolError) -> [Extent] {
        guard let arena else { return [] }
        for span in grant.spans { try arena.map(PoolSpan(offset: span.offset, byteCount: span.capacity)) }
        let extents = grant.extents.map { Extent(offset: $0.offset, capacity: $0.capacity) }
        for extent in extents { try arena.check(extent) }
        return extents
    }
}
