import CFluxonPool

/// The owner's side of the index: cells that lead from a key's hash to entry numbers (CONSISTENCY P1).
///
/// A cell lies in its home bucket or, where that was full, in a later one; every bucket passed counts it in `overflow`, so that a
/// search ends at the first bucket that nobody passed and deleting needs no tombstones. Readers may see any mix of old and new cells.
///
///     present table ──too full──▶ the next one gets memory, then cells, a piece with each insert ──all copied──▶ the next is the present one
///
/// Readers know nothing of the next table before the caller publishes its shift.
struct IndexTable {
    // SAFETY: points at the pool's mapping, which outlives the `Pool` that owns this table.
    private let base: UnsafeMutableRawPointer
    private let geometry: PoolGeometry
    private var buckets: UnsafeMutablePointer<UInt64>
    private(set) var shift: Int
    private(set) var count = 0
    private var growth: Growth?

    private struct Growth {
        // SAFETY: as `buckets`.
        let buckets: UnsafeMutablePointer<UInt64>
        /// Bytes of the file that have no memory yet.
        var missing: Range<Int>
        /// Buckets of the present table whose cells are in both.
        var copied = 0
    }

    /// What one insert does of it: bytes that get their memory, buckets whose cells are copied.
    private static let memoryPiece = 4 << 20
    private static let bucketsPiece = 64

    private static let cells = Int(CFLUXON_BUCKET_CELLS)
    private static let stride = cells + 1

    init(base: UnsafeMutableRawPointer, geometry: PoolGeometry) {
        self.base = base
        self.geometry = geometry
        shift = geometry.firstTableShift
        buckets = Self.table(base, geometry, shift)
    }

    /// Whether an insert should first do a piece of moving to the next table.
    var wantsGrowth: Bool {
        growth != nil || (count >= PoolGeometry.entriesPerBucket << shift && shift < geometry.lastTableShift)
    }

    /// One piece of moving to the next table.
    ///
    /// - Parameter reserve: Gives bytes of the file their memory, which is zero; false when there is none.
    /// - Returns: nil when there was no memory; whether the next table is the present one from here on.
    mutating func grow(reserve: (Range<Int>) -> Bool) -> Bool? {
        var next = growth ?? nextTable
        if !next.missing.isEmpty {
            let piece = next.missing.prefix(Self.memoryPiece)
            guard reserve(piece) else { return nil }
            next.missing = piece.upperBound..<next.missing.upperBound
        }
        if next.missing.isEmpty { copyPiece(to: &next) }
        guard next.copied == 1 << shift else {
            growth = next
            return false
        }
        (buckets, shift, growth) = (next.buckets, shift + 1, nil)
        return true
    }

    private func copyPiece(to next: inout Growth) {
        let end = min(next.copied + Self.bucketsPiece, 1 << shift)
        for bucket in next.copied..<end {
            for cell in 0..<Self.cells {
                let value = buckets[bucket * Self.stride + cell]
                if value != 0 { _ = Self.place(value, in: next.buckets, shift + 1) }
            }
        }
        next.copied = end
    }

    private var nextTable: Growth {
        let start = geometry.tableStart(shift + 1)
        let bytes = start..<start + (2 << shift) * PoolGeometry.bucketBytes
        return Growth(buckets: Self.table(base, geometry, shift + 1), missing: bytes)
    }

    /// False when every bucket is full, which the entries' limit excludes.
    @discardableResult
    mutating func insert(_ hash: KeyHash, entry: UInt32) -> Bool {
        let value = hash.fragment << 32 | UInt64(entry + 1)
        guard let bucket = Self.place(value, in: buckets, shift) else { return false }
        if let growth, bucket < growth.copied { _ = Self.place(value, in: growth.buckets, shift + 1) }
        count += 1
        return true
    }

    mutating func remove(_ hash: KeyHash, entry: UInt32) {
        let value = hash.fragment << 32 | UInt64(entry + 1)
        guard let bucket = Self.take(value, from: buckets, shift) else { return }
        if let growth, bucket < growth.copied { _ = Self.take(value, from: growth.buckets, shift + 1) }
        count -= 1
    }

    /// The first entry among those that `hash` leads to which `isIt` accepts.
    func first(_ hash: KeyHash, where isIt: (UInt32) -> Bool) -> UInt32? {
        let mask = (1 << shift) - 1
        let home = Int(hash.fragment) & mask
        for probe in 0...mask {
            let bucket = buckets + ((home + probe) & mask) * Self.stride
            for cell in 0..<Self.cells where bucket[cell] >> 32 == hash.fragment && bucket[cell] & 0xffff_ffff != 0 {
                let entry = UInt32(truncatingIfNeeded: bucket[cell]) - 1
                if isIt(entry) { return entry }
            }
            if bucket[Self.cells] == 0 { return nil }
        }
        return nil
    }

    /// - Returns: The bucket that has it; nil when all are full.
    private static func place(_ value: UInt64, in buckets: UnsafeMutablePointer<UInt64>, _ shift: Int) -> Int? {
        let mask = (1 << shift) - 1
        let home = Int(value >> 32) & mask
        for probe in 0...mask {
            let bucket = buckets + ((home + probe) & mask) * Self.stride
            for cell in 0..<Self.cells where bucket[cell] == 0 {
                // Readers stop at a bucket that nobody passed: count first, then the cell (P6).
                countPassing(home..<home + probe, in: buckets, mask) { $0 &+ 1 }
                cfluxon_store_release(bucket + cell, value)
                return (home + probe) & mask
            }
        }
        return nil
    }

    /// - Returns: The bucket that had it; nil when none has.
    private static func take(_ value: UInt64, from buckets: UnsafeMutablePointer<UInt64>, _ shift: Int) -> Int? {
        let mask = (1 << shift) - 1
        let home = Int(value >> 32) & mask
        for probe in 0...mask {
            let bucket = buckets + ((home + probe) & mask) * Self.stride
            for cell in 0..<Self.cells where bucket[cell] == value {
                cfluxon_store_release(bucket + cell, 0)
                countPassing(home..<home + probe, in: buckets, mask) { $0 &- 1 }
                return (home + probe) & mask
            }
            if bucket[Self.cells] == 0 { return nil }
        }
        return nil
    }

    /// How many cells lie behind each of the buckets that were passed on the way to one.
    @inline(__always)
    private static func countPassing(
        _ passed: Range<Int>, in buckets: UnsafeMutablePointer<UInt64>, _ mask: Int, _ change: (UInt64) -> UInt64
    ) {
        for bucket in passed {
            let counter = buckets + (bucket & mask) * stride + cells
            cfluxon_store_release(counter, change(counter.pointee))
        }
    }

    private static func table(_ base: UnsafeMutableRawPointer, _ geometry: PoolGeometry, _ shift: Int) -> UnsafeMutablePointer<UInt64> {
        (base + geometry.tableStart(shift)).assumingMemoryBound(to: UInt64.self)
    }
}
