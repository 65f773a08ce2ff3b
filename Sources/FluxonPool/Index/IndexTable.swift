import CFluxonPool

/// The owner's side of the index: cells that lead from a key's hash to entry numbers (CONSISTENCY P1).
///
/// A cell lies in its home bucket or, where that was full, in a later one; every bucket passed counts it in `overflow`, so that a
/// search ends at the first bucket that nobody passed and deleting needs no tombstones. Readers may see any mix of old and new cells.
struct IndexTable {
    // SAFETY: points at the pool's mapping, which outlives the `Pool` that owns this table.
    private let base: UnsafeMutableRawPointer
    private let geometry: PoolGeometry
    private var buckets: UnsafeMutablePointer<UInt64>
    private(set) var shift: Int
    private(set) var count = 0

    private static let cells = Int(CFLUXON_BUCKET_CELLS)
    private static let stride = cells + 1

    init(base: UnsafeMutableRawPointer, geometry: PoolGeometry) {
        self.base = base
        self.geometry = geometry
        shift = geometry.firstTableShift
        buckets = Self.table(base, geometry, shift)
    }

    /// Whether the next insert should move to the next table first.
    var wantsGrowth: Bool { count >= PoolGeometry.entriesPerBucket << shift && shift < geometry.lastTableShift }

    /// Bytes of the file that the next table takes.
    var nextTable: Range<Int> {
        let start = geometry.tableStart(shift + 1)
        return start..<start + (2 << shift) * PoolGeometry.bucketBytes
    }

    /// Copies all cells to the next table, whose memory is there and zero. O(cells); the caller publishes the new shift.
    mutating func grow() {
        let old = buckets
        let oldBuckets = 1 << shift
        shift += 1
        buckets = Self.table(base, geometry, shift)
        for bucket in 0..<oldBuckets {
            for cell in 0..<Self.cells {
                let value = old[bucket * Self.stride + cell]
                if value != 0 { place(value) }
            }
        }
    }

    /// False when every bucket is full, which the entries' limit excludes.
    @discardableResult
    mutating func insert(_ hash: KeyHash, entry: UInt32) -> Bool {
        guard place(hash.fragment << 32 | UInt64(entry + 1)) else { return false }
        count += 1
        return true
    }

    mutating func remove(_ hash: KeyHash, entry: UInt32) {
        let wanted = hash.fragment << 32 | UInt64(entry + 1)
        let mask = (1 << shift) - 1
        let home = Int(hash.fragment) & mask
        for probe in 0...mask {
            let bucket = buckets + ((home + probe) & mask) * Self.stride
            for cell in 0..<Self.cells where bucket[cell] == wanted {
                cfluxon_store_release(bucket + cell, 0)
                for passed in 0..<probe {
                    let counter = buckets + ((home + passed) & mask) * Self.stride + Self.cells
                    cfluxon_store_release(counter, counter.pointee &- 1)
                }
                count -= 1
                return
            }
            if bucket[Self.cells] == 0 { return }
        }
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

    @discardableResult
    private func place(_ value: UInt64) -> Bool {
        let mask = (1 << shift) - 1
        let home = Int(value >> 32) & mask
        for probe in 0...mask {
            let bucket = buckets + ((home + probe) & mask) * Self.stride
            for cell in 0..<Self.cells where bucket[cell] == 0 {
                // Readers stop at a bucket that nobody passed: count first, then the cell (P6).
                for passed in 0..<probe {
                    let counter = buckets + ((home + passed) & mask) * Self.stride + Self.cells
                    cfluxon_store_release(counter, counter.pointee &+ 1)
                }
                cfluxon_store_release(bucket + cell, value)
                return true
            }
        }
        return false
    }

    private static func table(_ base: UnsafeMutableRawPointer, _ geometry: PoolGeometry, _ shift: Int) -> UnsafeMutablePointer<UInt64> {
        (base + geometry.tableStart(shift)).assumingMemoryBound(to: UInt64.self)
    }
}
