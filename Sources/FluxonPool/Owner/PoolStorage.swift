package import FluxonSystem

/// The memory of a pool, as its owner holds it: file, mapping, heat bytes.
package final class PoolStorage {
    /// The owner's own: it carries the lock that says "this owner lives" and is never passed on.
    private let file: MemoryFile
    /// What processes get that may put.
    package let writableFile: MemoryFile
    /// What readers get: it cannot be written through, nor reopened for writing by another user.
    package let readOnlyFile: MemoryFile
    package let heatFile: MemoryFile
    let mapping: SharedMapping
    let heat: SharedMapping
    let geometry: PoolGeometry

    /// Reserves memory for everything that the pool has at start, maps it and touches every page.
    init(file: MemoryFile, geometry: PoolGeometry, prefault: Bool) throws(SystemError) {
        self.file = file
        self.geometry = geometry
        if try file.byteCount() != geometry.fileBytes { try file.setByteCount(geometry.fileBytes) }
        writableFile = try file.reopened(writable: true)
        readOnlyFile = try file.reopened(writable: false)
        mapping = try SharedMapping(file, byteCount: geometry.fileBytes, writable: true)
        heatFile = try MemoryFile(anonymous: "fluxon-heat", byteCount: geometry.entriesLimit)
        heat = try SharedMapping(heatFile, byteCount: geometry.entriesLimit, writable: true)
        for range in geometry.initialRanges { try reserve(range) }
        if prefault {
            for range in geometry.initialRanges { try mapping.populate(range, writable: true) }
        }
    }

    private func reserve(_ range: Range<Int>) throws(SystemError) { try mapping.reserve(range, of: file) }

    /// Gives `range` of the file its memory after the start; false when there is none. Looks at the container's limit first: beyond it the
    /// kernel does not refuse, it ends the process.
    func grow(_ range: Range<Int>) -> Bool {
        let cgroup = PoolRoom.ControlGroup.current()
        if let limit = cgroup.limitBytes, limit - cgroup.usedBytes < range.count + Self.margin { return false }
        return (try? reserve(range)) != nil
    }

    /// Gives the memory of all values back; the mapping stays and reads as zero.
    func releaseData() -> Bool { (try? file.punchHole(geometry.dataOffset..<geometry.fileBytes)) != nil }

    /// Bytes that growing leaves to everything else in the container.
    private static let margin = 16 << 20

    /// A pool without a name, for tests, simulations and benchmarks.
    package static func anonymous(capacityBytes: Int, hashSeed: UInt64 = 0, prefault: Bool = false) throws(SystemError) -> PoolStorage {
        let geometry = PoolGeometry(capacityBytes: capacityBytes, hashSeed: hashSeed)
        let file = try MemoryFile(anonymous: "fluxon-pool", byteCount: geometry.fileBytes)
        return try PoolStorage(file: file, geometry: geometry, prefault: prefault)
    }
}
