import FluxonCore
import FluxonOwner
import FluxonPool

/// The pool of one owner's life: a real one in nameless memory, so that retirement, pins, extents and arenas are the product's. It
/// outlives its owner's process, as shared memory does.
final class SimulatedPool: CopyStore {
    typealias Extent = FluxonPool.Extent

    /// Of this host, from 0.
    let number: Int
    let pool: Pool
    /// R1: a later life bumped the epoch; readers attach anew.
    private(set) var isFenced = false
    /// RETIRED stores that no fence has followed yet (P5).
    private(set) var unfenced = 0
    var violations: [String] = []
    /// Told of every publication.
    var onPublish: ((Key, StoredCopy<Extent>) -> Void)?
    /// Told when there is no room to publish a copy: it goes as if it were evicted.
    var onRefusal: ((Key) -> Void)?

    init(number: Int, capacityBytes: Int) throws {
        self.number = number
        pool = try Pool(PoolStorage.anonymous(capacityBytes: capacityBytes, hashSeed: 7), epoch: UInt64(number) + 1)
        pool.replicaFlag = ReplicaDriver.replicaFlag
    }

    var deadline: BootInstant { pool.deadline }
    var placeLimit: Int { pool.entryLimit }
    func publishedKey(in place: Int) -> Key? { pool.publishedKey(at: place) }

    func find(_ key: Key) -> StoredCopy<Extent>? {
        pool.find(key).map { StoredCopy(extent: $0.extent, byteCount: $0.length, version: $0.version, flags: $0.flags) }
    }

    func publish(_ key: Key, _ copy: StoredCopy<Extent>) -> Bool {
        do throws(PoolError) {
            _ = try pool.publish(key, extent: copy.extent, length: copy.byteCount, version: copy.version, flags: copy.flags)
        } catch {
            switch error {
            case .alreadyPublished: violations.append("I3: \(key) is published twice in pool \(number)")
            case .exhausted, .entriesExhausted: onRefusal?(key)
            default: violations.append("I4: \(key) is published on an extent that is not live: \(error)")
            }
            return false
        }
        onPublish?(key, copy)
        return true
    }

    func retire(_ key: Key) -> StoredCopy<Extent>? {
        guard let published = pool.find(key), let copy = pool.retire(published.entry) else { return nil }
        unfenced += 1
        return StoredCopy(extent: copy.extent, byteCount: copy.length, version: copy.version, flags: copy.flags)
    }

    func retain(_ extent: Extent) {
        do { try pool.retain(extent) } catch { violations.append("I4: an extent that is not live is retained: \(error)") }
    }

    func release(_ extent: Extent) {
        do { try pool.release(extent) } catch { violations.append("I4: an extent that is not live is released: \(error)") }
    }

    func makeRetirementsVisible() {
        pool.makeRetirementsVisible()
        unfenced = 0
    }

    func setDeadline(_ deadline: BootInstant) {
        if deadline < self.deadline { violations.append("L2: D went back") }
        pool.setDeadline(deadline)
    }

    /// R1, by the next life.
    func fence() {
        isFenced = true
        pool.fence()
    }
}

/// What the bytes of a value are: its number, over and over. Its length says the number too, so that a size names a value.
enum ValueBytes {
    static func byteCount(of value: UInt64) -> Int { (64 + Int(value)) * 16 }
    static func value(ofByteCount byteCount: UInt64) -> UInt64 { byteCount / 16 &- 64 }

    /// - Parameter half: 0 or 1.
    static func write(_ value: UInt64, to bytes: UnsafeMutableRawBufferPointer, half: Int) {
        for place in words(of: half, byteCount: byteCount(of: value)) {
            bytes.storeBytes(of: word(of: value), toByteOffset: place * 8, as: UInt64.self)
        }
    }

    /// The value that the bytes are wholly; nil for a mixture.
    static func value(of bytes: UnsafeRawBufferPointer) -> UInt64? {
        let value = value(ofByteCount: UInt64(bytes.count))
        guard bytes.count == byteCount(of: value) else { return nil }
        let expected = word(of: value)
        for place in 0..<bytes.count / 8 where bytes.loadUnaligned(fromByteOffset: place * 8, as: UInt64.self) != expected { return nil }
        return value
    }

    static func bytes(of half: Int, byteCount: Int) -> Range<Int> { half == 0 ? 0..<byteCount / 2 : byteCount / 2..<byteCount }

    private static func words(of half: Int, byteCount: Int) -> Range<Int> {
        let bytes = bytes(of: half, byteCount: byteCount)
        return bytes.lowerBound / 8..<bytes.upperBound / 8
    }

    private static func word(of value: UInt64) -> UInt64 { value &* 0x9E37_79B9_7F4A_7C15 }
}
