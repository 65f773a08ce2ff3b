import FluxonCore
import FluxonPool
import FluxonPoolStress
import FluxonSystem

/// An owner and one attached process over a nameless pool. Time is what the test says.
struct PoolPair {
    let pool: Pool
    let view: PoolView

    init(capacityBytes: Int = 4 << 20, canPut: Bool = true) throws {
        pool = try Pool(PoolStorage.anonymous(capacityBytes: capacityBytes, hashSeed: 7), epoch: 1)
        let attachment = try pool.attach(process: 1, canPut: canPut)
        view = try PoolView(pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
        pool.setDeadline(BootInstant(nanoseconds: 1_000))
    }

    /// Allocates, writes and publishes.
    @discardableResult
    func put(_ key: String, _ bytes: [UInt8], version: UInt64 = 1, tenant: Tenant = .owner) throws -> EntryReference {
        let extent = try pool.allocate(bytes.count, tenant: tenant)
        pool.bytes(of: extent)?.copyBytes(from: bytes)
        return try pool.publish(Key(key), extent: extent, length: UInt64(bytes.count), version: Version(term: 1, sequence: version))
    }

    func get(_ key: String, at nanoseconds: UInt64 = 1, _ consistency: LocalConsistency = .current) -> LocalRead {
        Array(key.utf8).span.bytes.withUnsafeBytes {
            view.get($0, consistency) { BootInstant(nanoseconds: nanoseconds) }
        }
    }

    /// The pinned value of a hit.
    func pin(_ key: String) -> Held? { get(key).hit() }

    func take(_ entry: EntryReference, epoch: UInt64) -> Held? { view.take(entry, epoch: epoch).hit() }

    /// The bytes of a hit, nil for anything else.
    func read(_ key: String, at nanoseconds: UInt64 = 1) -> [UInt8]? { get(key, at: nanoseconds).copied }
}

extension LocalRead {
    /// What kind of answer it was.
    enum Kind { case hit, miss, notCurrent, epochChanged, noPinWord, forkedChild }

    consuming func kind() -> Kind {
        switch consume self {
        case .hit: .hit
        case .miss: .miss
        case .notCurrent: .notCurrent
        case .epochChanged: .epochChanged
        case .noPinWord: .noPinWord
        case .forkedChild: .forkedChild
        }
    }

    var copied: [UInt8]? {
        switch self {
        case .hit(let view): Array(view.bytes)
        default: nil
        }
    }
}
