import FluxonCore

/// Takes an owner out of the holder sets of all keys except those of which it has a copy, a piece in each turn of the loop.
///
///     owner lost, fenced, or its resync over ──▶ sweeping: next ──▶ … ──▶ end: over
///
/// A set that still names the owner is too large meanwhile, which is allowed (CONSISTENCY M5).
struct HolderSweep: Sendable {
    let cause: RemovalCause
    /// The entry that is looked at next; those below are done.
    var next: UInt32 = 0
    /// Entries from here on are newer than the sweep.
    let end: UInt32
    /// Entries whose key the owner has, as it said, or was registered for since.
    var kept: EntrySet

    func covers(_ entry: UInt32) -> Bool { entry >= next && entry < end && !kept.contains(entry) }
}
