import CFluxonPool
import FluxonSystem

/// The pin words of this process, seen from its readers. Any thread may claim and drop; no lock, no message.
final class PinClaims: @unchecked Sendable {
    // SAFETY: `words` lies in `mapping`, which this object keeps; words are touched by atomics only. `hints` and `limit` are
    // touched by atomics only and freed in deinit, when nobody can call any more.
    private let mapping: SharedMapping
    private let words: UnsafeMutableRawPointer
    private let hints: UnsafeMutableRawPointer
    private let limit: UnsafeMutableRawPointer
    private let capacity: Int

    /// Threads are spread over this many hints, each on a cache line of its own.
    private static let lanes = 64

    /// - Throws: `.damaged` when the file is smaller than what the owner says it granted.
    init(_ file: MemoryFile, granted: Int) throws(PoolError) {
        do {
            capacity = try file.byteCount() / 8
            guard granted > 0, granted <= capacity else { throw PoolError.damaged("\(granted) pin words granted in a file of \(capacity)") }
            mapping = try SharedMapping(file, byteCount: capacity * 8, writable: true)
            try mapping.populate(0..<granted * 8, writable: true)
        } catch let error as PoolError {
            throw error
        } catch {
            throw .system("map the pin words: \(error)")
        }
        words = mapping.base
        hints = .allocate(byteCount: Self.lanes * 64, alignment: 64)
        limit = .allocate(byteCount: 64, alignment: 64)
        for lane in 0..<Self.lanes { cfluxon_store_relaxed(hints + lane * 64, UInt64(lane * 8 % granted)) }
        cfluxon_store_release(limit, UInt64(granted))
    }

    deinit {
        hints.deallocate()
        limit.deallocate()
    }

    /// The owner granted words up to `count`, said by message. Never shrinks.
    func grant(_ count: Int) {
        guard count <= capacity, count > Int(cfluxon_load_relaxed(limit)) else { return }
        try? mapping.populate(0..<count * 8, writable: true)
        cfluxon_store_release(limit, UInt64(count))
    }

    var granted: Int { Int(cfluxon_load_acquire(limit)) }

    /// Claims a free word for `pin`, with P3's full fence; nil when all granted words are taken.
    @inline(__always)
    func claim(_ pin: UInt64) -> Int? {
        let hint = hints + Int(cfluxon_thread_number() & UInt64(Self.lanes - 1)) * 64
        let granted = Int(cfluxon_load_acquire(limit))
        var word = Int(cfluxon_load_relaxed(hint))
        for _ in 0..<granted {
            if word >= granted { word = 0 }
            let address = words + word * 8
            if cfluxon_load_relaxed(address) == 0, cfluxon_pin_claim(address, pin) {
                cfluxon_store_relaxed(hint, UInt64(word + 1))
                return word
            }
            word += 1
        }
        return nil
    }

    /// P5: a release store of 0. The thread that drops a pin finds the word again first.
    @inline(__always)
    func drop(_ word: Int) {
        cfluxon_store_release(words + word * 8, 0)
        cfluxon_store_relaxed(hints + Int(cfluxon_thread_number() & UInt64(Self.lanes - 1)) * 64, UInt64(word))
    }

    /// Pins held now. For tests and `status`; O(granted).
    var heldCount: Int { (0..<granted).count { cfluxon_load_relaxed(words + $0 * 8) != 0 } }
}
