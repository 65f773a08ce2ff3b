import CFluxonPool
package import FluxonCore
package import FluxonSystem

/// A process's view of its owner's pool: gets without a system call, a message or a lock, from any thread (CONSISTENCY P3).
///
/// Everything loaded from the mapping is checked against the mapping before it is used: a damaged pool yields misses, never a crash.
package final class PoolView: @unchecked Sendable {
    // SAFETY: the mapped words are touched by atomics only; fields of an entry and bytes of an extent are read only under a
    // validated pin (P3), during which the owner does not write them. All stored properties are immutable.
    let base: UnsafeMutableRawPointer
    let geometry: PoolGeometry
    let epoch: UInt64
    let pins: PinClaims
    private let mapping: SharedMapping
    let heat: SharedMapping
    private let heatBytes: Int
    private let fork = ForkGuard.current

    /// How many buckets a get looks at before it leaves the search to the owner.
    static let probeLimit = 8
    /// How often a get starts again because the entry changed between its two looks.
    static let retryLimit = 2

    /// Maps what the owner passed and checks it.
    ///
    /// - Parameters:
    ///   - grantedPins: pin words that the owner scans for this process.
    /// - Throws: `.damaged` with what is wrong, `.system`.
    package init(pool: MemoryFile, pins: MemoryFile, heat: MemoryFile, grantedPins: Int) throws(PoolError) {
        do {
            let byteCount = try pool.byteCount()
            guard byteCount >= PoolGeometry.headerBytes else { throw PoolError.damaged("\(byteCount) bytes are less than a header") }
            mapping = try SharedMapping(pool, byteCount: byteCount, writable: false)
            base = mapping.base
            geometry = try PoolGeometry(reading: base.load(as: cfluxon_superblock.self), mappedBytes: byteCount)
            heatBytes = try heat.byteCount()
            guard heatBytes >= geometry.entriesLimit else {
                throw PoolError.damaged("\(heatBytes) heat bytes for \(geometry.entriesLimit) entries")
            }
            self.heat = try SharedMapping(heat, byteCount: heatBytes, writable: true)
        } catch let error as PoolError {
            throw error
        } catch {
            throw .system("map the pool: \(error)")
        }
        self.pins = try PinClaims(pins, granted: grantedPins)
        epoch = cfluxon_load_acquire(base + Superblock.epoch)
    }

    /// Brings the pool's pages in at 14 GB/s, before gets do that one by one at 2.8 GB/s.
    package func prefault() throws(PoolError) {
        do {
            for piece in prefaultPieces { try mapping.populate(piece, writable: false) }
        } catch {
            throw .system("bring in the pool's pages: \(error)")
        }
    }

    /// The same on a thread of its own: a large pool takes longer than a process wants to wait for its first get. Ends early when this
    /// view is gone, which it does not keep: a process that lets go of its view may leave its owner at once.
    package func prefaultInBackground() {
        let pieces = prefaultPieces
        // Without a thread the first touch brings each page.
        _ = try? KernelThread.start(name: "fluxon-prefault", detached: true) { [weak mapping] in
            for piece in pieces {
                guard let mapping, (try? mapping.populate(piece, writable: false)) != nil else { return }
            }
        }
    }

    private var prefaultPieces: [Range<Int>] {
        geometry.initialRanges.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: Self.prefaultBytes).map {
                $0..<min($0 + Self.prefaultBytes, range.upperBound)
            }
        }
    }

    private static let prefaultBytes = 32 << 20

    package var isForkedChild: Bool { fork.isChild }

    /// The owner granted more pin words, by message (P7).
    package func grantPins(upTo count: Int) { pins.grant(count) }

    /// Pins held by this process now. O(granted words).
    package var heldPins: Int { pins.heldCount }

    /// Whether the pool still belongs to the owner that this process attached to.
    package var isAttached: Bool { !fork.isChild && cfluxon_load_acquire(base + Superblock.epoch) == epoch }

    @inline(__always)
    func unpin(_ word: Int) {
        // In a forked child the pin belongs to the parent.
        if !fork.isChild { pins.drop(word) }
    }

    @inline(__always)
    func warm(_ entry: UInt32) {
        let address = heat.base + Int(entry)
        // Looking first keeps the cache line shared when it is set already.
        if cfluxon_heat_load(address) == 0 { cfluxon_heat_store(address, 1) }
    }
}

extension PoolView {
    /// A get from shared memory: P3 in full. Never suspends, never waits.
    package func get(_ key: Key, _ consistency: LocalConsistency = .current) -> LocalRead {
        key.bytes.span.bytes.withUnsafeBytes { get($0, consistency) }
    }

    /// The same over borrowed key bytes: no allocation at all. Reads `BootClock`, here and nowhere else in this module.
    package func get(_ key: UnsafeRawBufferPointer, _ consistency: LocalConsistency = .current) -> LocalRead {
        get(key, consistency, keeper: self) { BootClock.now }
    }

    /// The same with another clock.
    package func get(_ key: UnsafeRawBufferPointer, _ consistency: LocalConsistency, now: () -> BootInstant) -> LocalRead {
        get(key, consistency, keeper: self, now: now)
    }

    /// - Parameter keeper: what a hit retains: this view, or an object that retains it.
    @inline(__always)
    func get(
        _ key: UnsafeRawBufferPointer, _ consistency: LocalConsistency, keeper: AnyObject, now: () -> BootInstant
    ) -> LocalRead {
        if fork.isChild { return .forkedChild }
        let hash = KeyHash(key, seed: geometry.hashSeed)
        for _ in 0...Self.retryLimit {
            var search = candidates(of: hash)
            var hasChanged = false
            while let number = search.next(in: self) {
                guard let word = lookOnce(at: number, hash, keyBytes: key.count) else { continue }
                guard let pin = pins.claim(EntryWord.pin(entry: number, generation: word.generation)) else { return .noPinWord }
                guard let deadline = loadDeadline(consistency) else {
                    pins.drop(pin)
                    return .epochChanged
                }
                // D first, then the clock (P3): the get takes effect here.
                guard deadline == .max || now().nanoseconds < deadline else {
                    pins.drop(pin)
                    return .notCurrent
                }
                guard lookAgain(at: number, word) else {
                    pins.drop(pin)
                    hasChanged = true
                    break
                }
                guard let fields = fields(of: number, ifKeyIs: key) else {
                    pins.drop(pin)
                    continue
                }
                warm(number)
                return .hit(view(fields, EntryReference(index: number, generation: word.generation), pin: pin, keeper: keeper))
            }
            if !hasChanged { break }
        }
        // A fenced pool has no entry left to find: say why.
        return cfluxon_load_acquire(base + Superblock.epoch) == epoch ? .miss : .epochChanged
    }

    /// P7: takes over a value that the owner handed to this process by the socket and holds until this process confirms. Pins, fences,
    /// looks at the entry and the epoch again. A retired entry is fine here: the owner said so.
    package func take(_ entry: EntryReference, epoch: UInt64) -> LocalRead {
        if fork.isChild { return .forkedChild }
        guard epoch == self.epoch else { return .epochChanged }
        guard let word = wordAddress(entry.index) else { return .miss }
        guard let pin = pins.claim(EntryWord.pin(entry: entry.index, generation: entry.generation)) else { return .noPinWord }
        let seen = EntryWord(bits: cfluxon_load_acquire(word))
        guard cfluxon_load_acquire(base + Superblock.epoch) == self.epoch else {
            pins.drop(pin)
            return .epochChanged
        }
        guard seen.generation == entry.generation, seen.state == CFLUXON_STATE_PUBLISHED || seen.state == CFLUXON_STATE_RETIRED,
            let fields = fields(of: entry.index, ifKeyIs: nil)
        else {
            pins.drop(pin)
            return .miss
        }
        return .hit(view(fields, entry, pin: pin, keeper: self))
    }
}
