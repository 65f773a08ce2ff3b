package import FluxonCore
package import FluxonPool

/// The real pool under the rules of `ReplicaTable`.
package struct PoolCopyStore: CopyStore {
    package let pool: Pool

    package init(_ pool: Pool) { self.pool = pool }

    package func find(_ key: Key) -> StoredCopy<Extent>? {
        pool.find(key).map { StoredCopy(extent: $0.extent, byteCount: $0.length, version: $0.version, flags: $0.flags) }
    }

    package func publish(_ key: Key, _ copy: StoredCopy<Extent>) -> Bool {
        (try? pool.publish(key, extent: copy.extent, length: copy.byteCount, version: copy.version, flags: copy.flags)) != nil
    }

    package func retire(_ key: Key) -> StoredCopy<Extent>? {
        guard let published = pool.find(key), let copy = pool.retire(published.entry) else { return nil }
        return StoredCopy(extent: copy.extent, byteCount: copy.length, version: copy.version, flags: copy.flags)
    }

    /// An extent that is not live is a defect of the caller: the pool refuses it and stays as it is.
    package func retain(_ extent: Extent) {
        do { try pool.retain(extent) } catch { assertionFailure("retain: \(error)") }
    }

    package func release(_ extent: Extent) {
        do { try pool.release(extent) } catch { assertionFailure("release: \(error)") }
    }

    package func makeRetirementsVisible() { pool.makeRetirementsVisible() }
    package func setDeadline(_ deadline: BootInstant) { pool.setDeadline(deadline) }
    package var placeLimit: Int { pool.entryLimit }
    package func publishedKey(in place: Int) -> Key? { pool.publishedKey(at: place) }
}
