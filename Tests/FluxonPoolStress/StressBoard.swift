package import FluxonSystem
private import Synchronization

/// What the owner and the readers of a stress test share beside the pool, in memory that all of them map: of each object the version that
/// is current. Who looks here before its get must not be shown an older one.
package final class StressBoard: @unchecked Sendable {
    // SAFETY: the words lie in `mapping`, which this object keeps, and are touched by atomics only.
    private let mapping: SharedMapping
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    package let file: MemoryFile
    package let objects: Int

    /// A new board.
    package convenience init(objects: Int) throws {
        try self.init(file: MemoryFile(anonymous: "board", byteCount: objects * 16), objects: objects)
    }

    /// The board of another process.
    package init(file: MemoryFile, objects: Int) throws {
        self.file = file
        self.objects = objects
        mapping = try SharedMapping(file, byteCount: objects * 16, writable: true)
        words = mapping.base.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The newest version in the whole cluster: what a get of the default consistency may not fall behind.
    package func current(_ object: Int) -> UInt64 { max(published(object), words[object * 2 + 1].load(ordering: .acquiring)) }

    /// The newest version that the owner published.
    package func published(_ object: Int) -> UInt64 { words[object * 2].load(ordering: .acquiring) }

    package func tellPublished(_ object: Int, _ version: UInt64) { words[object * 2].store(version, ordering: .releasing) }

    package func tellOverwrittenElsewhere(_ object: Int, _ version: UInt64) { words[object * 2 + 1].store(version, ordering: .releasing) }
}
