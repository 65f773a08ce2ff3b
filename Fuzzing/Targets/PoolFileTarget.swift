import FluxonPool

/// A reader of a pool file that somebody damaged or forged: it attaches or says why not, finds something or nothing, and touches
/// only what it mapped.
///
/// The input is a list of records of eleven bytes: the area (header, index, entries, data), where in it in words of eight bytes (two
/// bytes), and the word to put there. An area with its highest bit set is damaged only after the reader has attached.
enum PoolFileTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        let stage = PoolStage.shared
        var early: [Damage] = []
        var late: [Damage] = []
        for start in stride(from: 0, to: input.count - Damage.byteCount + 1, by: Damage.byteCount).prefix(64) {
            let damage = Damage(UnsafeRawBufferPointer(rebasing: input[start..<start + Damage.byteCount]))
            if damage.isLate { late.append(damage) } else { early.append(damage) }
        }
        var undo: [(offset: Int, word: UInt64)] = []
        defer { for (offset, word) in undo.reversed() { stage.store(word, at: offset) } }
        undo += early.map { stage.apply($0) }
        guard let view = stage.attach(anew: early.contains { $0.area == .header }) else { return }
        undo += late.map { stage.apply($0) }
        stage.read(view)
        precondition(view.heldPins == 0, "a reader left a pin behind")
    }
}

/// One word of the file that is not what the owner wrote.
struct Damage {
    enum Area: UInt8 { case header, index, entries, data }

    static let byteCount = 11

    let area: Area
    let isLate: Bool
    let place: Int
    let word: UInt64

    init(_ bytes: UnsafeRawBufferPointer) {
        area = Area(rawValue: bytes[0] & 3) ?? .header
        isLate = bytes[0] & 0x80 != 0
        place = Int(bytes.loadUnaligned(fromByteOffset: 1, as: UInt16.self))
        word = bytes.loadUnaligned(fromByteOffset: 3, as: UInt64.self)
    }
}
