#if FLUXON_PLANTING
/// Mistakes that a test plants to see that the simulator finds them.
package enum PlantedRoutingMistake: String, CaseIterable, Sendable {
    /// Completes without waiting for confirmations.
    case completeBeforeConfirm
    /// Answers lookups before C5's acknowledgement.
    case exposeEarly
    /// Goes on without a silent owner without writing it to the roster (G2).
    case bypassWithoutRoster
    /// Believes an owner that an earlier term bypassed (R6).
    case trustBypassed
    /// Sends grants, completions and answers when its authority is over (G1): an old term's commits are taken for good.
    case actWithoutAuthority
    /// Completes before everybody has reported (R8).
    case openAtOnce
    /// Writes `in` before the owner has processed its resync (R3).
    case returnEarly
    /// Does not say that a replayed outcome was exposed (decision 0017).
    case replayUnexposed
    /// A resync drops what a completed, unexposed operation replaced (decision 0017).
    case dropReplaced
    /// The removal after the last `drop` looks at nobody's claims (K2).
    case lastDropKeepsClaims
    /// Prepares commits of an owner that is not in the roster again (decision 0031).
    case prepareForOut
    /// A parked copy that is reported while an operation on its key is prepared is left alone (decision 0031).
    case claimUnderPrepared
}
#endif
