extension Pool {
    /// Cells of the index now; it grows with the entries.
    package var indexSlots: Int { (PoolGeometry.bucketBytes / 8) << index.shift }
}
