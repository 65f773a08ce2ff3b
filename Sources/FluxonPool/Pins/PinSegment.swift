import CFluxonPool
import FluxonSystem

/// The pin words of one attached process, seen from the owner: a memory file that this process alone writes.
///
/// A word names (entry, generation) or is 0. The owner scans the words that it granted, no others (CONSISTENCY P7); the file's
/// size is sealed, so that no process can make the owner's scan fault.
final class PinSegment {
    /// Most pins of one process.
    static let wordLimit = 1 << 18
    /// One page: the owner scans all granted words of all processes, so they grow with need.
    static let firstGrant = 512

    let file: MemoryFile
    private let mapping: SharedMapping
    private(set) var granted = firstGrant
    private(set) var pinsAtLastScan = 0

    init(process: UInt64) throws(SystemError) {
        file = try MemoryFile(anonymous: "fluxon-pins-\(process)", byteCount: Self.wordLimit * 8)
        mapping = try SharedMapping(file, byteCount: Self.wordLimit * 8, writable: false)
        try file.reserve(0..<Self.firstGrant * 8)
    }

    /// Doubles the words; the owner scans the new ones from now on, and only then does the process learn of them.
    func grant() throws(PoolError) -> Int {
        guard granted < Self.wordLimit else { throw .pinLimit(limit: Self.wordLimit) }
        let wanted = min(granted * 2, Self.wordLimit)
        do { try file.reserve(granted * 8..<wanted * 8) } catch { throw .system("more pins: \(error)") }
        granted = wanted
        return wanted
    }

    /// All non-zero words, each loaded with acquire (P5).
    func scan(_ body: (UInt64) -> Void) {
        var pins = 0
        for word in 0..<granted {
            let pin = cfluxon_load_acquire(mapping.base + word * 8)
            if pin != 0 {
                pins += 1
                body(pin)
            }
        }
        pinsAtLastScan = pins
    }
}
