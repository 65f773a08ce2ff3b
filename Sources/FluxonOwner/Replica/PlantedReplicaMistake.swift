#if FLUXON_PLANTING
/// Mistakes that a test plants to see that the simulator finds them.
package enum PlantedReplicaMistake: String, CaseIterable, Sendable {
    /// Confirms without retiring.
    case skipInvalidation
    /// Counts the lease from the grant's arrival instead of the heartbeat's sending.
    case deadlineFromArrival
    /// A get joins a detached fetch.
    case joinDetachedFetch
    /// Takes a `done` whether valid or not.
    case takeWithoutValidity
    /// An invalidation takes copies that are newer than it means (decision 0031).
    case invalidateNewer
    /// A get whose lookup was not sent yet looks the key up behind the owner's own commit (C2).
    case lookUpBehindCommit
}
#endif
