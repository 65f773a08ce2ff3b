package import FluxonCore
package import FluxonPool

/// The pool as the rules of `ReplicaTable` see it.
package struct PoolCopies: CopyStore {
    private let pool: Pool

    package init(_ pool: Pool) { self.pool = pool }

    package func find(_ key: Key) -> StoredCopy<Extent>? { pool.find(key).map(StoredCopy.init) }

    package mutating func publish(_ key: Key, _ copy: StoredCopy<Extent>) -> Bool {
        do throws(PoolError) {
            _ = try pool.publish(key, extent: copy.extent, length: copy.byteCount, version: copy.version, flags: copy.flags)
            return true
        } catch {
            return false
        }
    }

    package mutating func retire(_ key: Key) -> StoredCopy<Extent>? {
        guard let copy = pool.find(key) else { return nil }
        return pool.retire(copy.entry).map(StoredCopy.init)
    }

    package mutating func retain(_ extent: Extent) {
        do throws(PoolError) { try pool.retain(extent) } catch { preconditionFailure("retained an extent that is not live: \(error)") }
    }

    package mutating func release(_ extent: Extent) {
        do throws(PoolError) {
            _ = try pool.release(extent)
        } catch {
            preconditionFailure("released an extent that is not live: \(error)")
        }
    }

    package mutating func makeRetirementsVisible() { pool.makeRetirementsVisible() }
    package mutating func setDeadline(_ deadline: BootInstant) { pool.setDeadline(deadline) }
    package var publishedKeys: [Key] { pool.publishedKeys }
}

extension StoredCopy<Extent> {
    init(_ copy: Copy) {
        self.init(extent: copy.extent, byteCount: copy.length, version: copy.version, flags: copy.flags)
    }
}
