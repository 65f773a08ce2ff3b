import FluxonCore
import FluxonSystem

/// The life of the pool's file in `shared_memory_path` (CONSISTENCY R1, decision 0002).
package enum PoolFile {
    /// What `open` made.
    package struct Opened {
        package let storage: PoolStorage
        /// Greater than the epoch of the pool that was there before.
        package let epoch: UInt64
        /// Whether the pool of a dead owner was there and is fenced now: what the owner may attest at its registration.
        package let attested: Bool
    }

    package static let name = "pool"

    /// Makes the folder's pool: takes the folder's lock, fences and replaces a dead owner's pool, reserves and prefaults the new one.
    ///
    /// - Parameters:
    ///   - folder: `shared_memory_path`; made when missing.
    ///   - hashSeed: random, so that nobody can choose keys that collide.
    ///   - willReplace: called when no other owner has the folder, before anything in it changes.
    /// - Throws: `.inUse` when a live owner has the folder, `.noRoom` with the numbers, `.system`.
    package static func open(
        folder: String, capacityBytes: Int, hashSeed: UInt64, prefault: Bool = true, willReplace: () throws -> Void = {}
    ) throws(PoolError) -> Opened {
        do {
            try File.makeDirectories(folder)
            return try openPool(
                folder: folder, geometry: PoolGeometry(capacityBytes: capacityBytes, hashSeed: hashSeed), prefault: prefault,
                willReplace: willReplace)
        } catch let error as PoolError {
            throw error
        } catch {
            throw .system("the pool in \(folder): \(error)")
        }
    }

    private static func openPool(folder: String, geometry: PoolGeometry, prefault: Bool, willReplace: () throws -> Void) throws -> Opened {
        let path = "\(folder)/\(name)"
        var fenced: UInt64?
        let old = try lockedPool(path)
        try willReplace()
        if let old {
            fenced = fenceDeadPool(old)
            try File.remove(path, ifStill: try old.identity())
        }
        // Readers of the old pool may still hold its memory, so room is looked at only now.
        if let problem = PoolRoom.problem(
            folder: folder, neededBytes: geometry.initialBytes, space: try File.space(at: folder), cgroup: .current())
        {
            throw PoolError.noRoom(problem)
        }
        let file: MemoryFile
        do throws(SystemError) { file = MemoryFile(owning: try File.open(path, .createNew, permissions: 0o640), name: path) } catch {
            guard error.isInUse else { throw error }
            throw inUse(path)
        }
        // Whoever opened it in between has its lock, and finds that it is no pool.
        guard try file.tryLock(), try FileIdentity(at: path) == file.identity() else { throw inUse(path) }
        do {
            let storage = try PoolStorage(file: file, geometry: geometry, prefault: prefault)
            // Without an old pool to count from, the time of boot is an epoch that no earlier pool of this machine's run had.
            return Opened(storage: storage, epoch: fenced.map { $0 &+ 1 } ?? BootClock.now.nanoseconds, attested: fenced != nil)
        } catch {
            try File.remove(path, ifStill: try file.identity())
            if error.isNoRoom, !error.isOfAddresses {
                let space = try File.space(at: folder)
                throw PoolError.noRoom(
                    PoolRoom.message(folder: folder, neededBytes: geometry.initialBytes, freeBytes: Int(clamping: space.free)))
            }
            throw error
        }
    }

    /// The pool that lies there, locked; nil: there is none. What was opened may be gone by the time it is locked, when another owner
    /// started and took its place: the lock of a file that no longer has the name proves nothing.
    private static func lockedPool(_ path: String) throws -> MemoryFile? {
        while true {
            let file: MemoryFile
            do throws(SystemError) { file = MemoryFile(owning: try File.open(path, .readWrite), name: path) } catch {
                if error.isMissing { return nil }
                throw error
            }
            guard try file.tryLock() else { throw inUse(path) }
            if try FileIdentity(at: path) == file.identity() { return file }
        }
    }

    private static func inUse(_ path: String) -> PoolError {
        .inUse("\(path) belongs to a running owner: one owner per shared_memory_path; stop it, or configure another folder")
    }

    /// Ends the old pool for its readers; its epoch afterwards. Nil when the file is no pool that this version knows: then nothing is attested.
    private static func fenceDeadPool(_ file: MemoryFile) -> UInt64? {
        guard let byteCount = try? file.byteCount(), byteCount >= PoolGeometry.headerBytes,
            let mapping = try? SharedMapping(file, byteCount: byteCount, writable: true)
        else { return nil }
        return PoolFence.fenceOld(base: mapping.base, mappedBytes: byteCount)
    }
}
