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
    /// Nil: values come by copies.
    let view: PoolView?
    /// Nil: puts go by copies.
    let arena: WriteArena?
    let cache = ExtentCache()

    /// Maps what the owner passed.
    ///
    /// - Throws: `.protocolViolation` for a pool that is none, `.system`.
    init(_ socket: AttachedSocket, usesSharedMemory: Bool, prefaults: Bool) throws(FluxonError) {
        let answer = socket.answer
        session = answer.session
        generation = answer.generation
        clusterName = answer.clusterName
        ownerName = answer.ownerName
        // CONSISTENCY §1: with another clock (a time namespace) this process could not judge the owner's validity.
        guard usesSharedMemory, socket.isClockShared, answer.grants.contains(.mapping), let pool = socket.takeDescriptor(),
            let pins = socket.takeDescriptor(), let heat = socket.takeDescriptor()
        else {
            view = nil
            arena = nil
            return
        }
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

    /// Maps the spans of a grant, then gives its extents.
    func accept(_ grant: LocalAnswer.Grant) throws(PoolError) -> [Extent] {
        guard let arena else { return [] }
        for span in grant.spans { try arena.map(PoolSpan(offset: span.offset, byteCount: span.capacity)) }
        return grant.extents.map { Extent(offset: $0.offset, capacity: $0.capacity) }
    }
}
