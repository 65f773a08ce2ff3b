import FluxonCore
import FluxonPool
import FluxonSystem

/// A small pool with values under keys of every kind (in the first cache line, in the entry, in an extent), made once.
final class PoolStage: @unchecked Sendable {
    // SAFETY: one thread fuzzes, and the tests replay one input after the other.
    static let shared = PoolStage()
    private static let capacityBytes = 512 << 10
    /// Where the header has the epoch: the first word that changes.
    private static let epochOffset = 128

    private let pool: Pool
    private let attachment: Pool.Attachment
    private let mapping: SharedMapping
    private let areas: [Range<Int>]
    private let keys: [Key]
    private var entries: [EntryReference] = []
    private let view: PoolView

    private init() {
        do {
            let geometry = PoolGeometry(capacityBytes: Self.capacityBytes, hashSeed: 7)
            pool = try Pool(PoolStorage.anonymous(capacityBytes: Self.capacityBytes, hashSeed: 7), epoch: 1)
            attachment = try pool.attach(process: 1, canPut: true)
            mapping = try SharedMapping(pool.storage.writableFile, byteCount: geometry.fileBytes, writable: true)
            // The fields of the superblock, one bucket after the other, the entries in use, a page of values.
            areas = [
                0..<256, geometry.tableOffset..<geometry.tableOffset + 4096, geometry.entriesOffset..<geometry.entriesOffset + 8 * 128,
                geometry.dataOffset..<geometry.dataOffset + 4096,
            ]
            keys = try [3, 32, 40, 72, 73, 200, Limits.keyBytes].map {
                try Key([UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0))
            }
            for (number, key) in keys.enumerated() {
                let extent = try pool.allocate(100 * (number + 1), tenant: .owner)
                let version = Version(term: 1, sequence: UInt64(number) + 1)
                entries.append(try pool.publish(key, extent: extent, length: UInt64(100 * (number + 1)), version: version))
            }
            pool.setDeadline(BootInstant(nanoseconds: .max - 1))
            view = try PoolView(
                pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
        } catch {
            fatalError("a pool to damage: \(error)")
        }
    }

    func store(_ word: UInt64, at offset: Int) { mapping.base.storeBytes(of: word, toByteOffset: offset, as: UInt64.self) }

    /// Puts a wrong word in place and says what was there.
    func apply(_ damage: Damage) -> (offset: Int, word: UInt64) {
        let area = areas[Int(damage.area.rawValue)]
        let offset = area.lowerBound + damage.place * 8 % area.count
        let word = mapping.base.load(fromByteOffset: offset, as: UInt64.self)
        store(damage.word, at: offset)
        return (offset, word)
    }

    /// A process's view; nil when the header is refused.
    func attach(anew: Bool) -> PoolView? {
        guard anew else { return view }
        let view = try? PoolView(
            pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
        try? view?.prefault()
        return view
    }

    /// Asks for each key, one that is not there, and each entry by its number, and reads the ends of what is found.
    func read(_ view: PoolView) {
        var sum = 0
        for key in keys {
            sum &+= touch(view.get(key))
            sum &+= touch(view.get(key, .local))
        }
        let epoch = mapping.base.load(fromByteOffset: Self.epochOffset, as: UInt64.self)
        for entry in entries + [EntryReference(index: .max, generation: 1)] { sum &+= touch(view.take(entry, epoch: epoch)) }
        withExtendedLifetime(sum) {}
    }

    private func touch(_ read: consuming LocalRead) -> Int {
        switch consume read {
        case .hit(let value):
            value.withBytes { bytes in
                let version = Int(truncatingIfNeeded: value.version.sequence)
                return bytes.isEmpty ? version : version &+ Int(bytes[0]) &+ Int(bytes[bytes.count - 1]) &+ Int(bytes[bytes.count / 2])
            }
        default: 0
        }
    }
}
