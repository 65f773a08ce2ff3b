#if FLUXON_PLANTED_PINS
import CFluxonPool

/// Mistakes in the order of single steps, which only real memory shows: a test plants them to see that the stress of real processes finds
/// them. Only in builds with FLUXON_PLANTED_PINS, which reaches into the C part (scripts/sanitize planted).
package enum PlantedPinMistake: CInt, CaseIterable, Sendable {
    /// A pin by a plain store, without P3's fence. What a processor may make of it: others see the pin after the second look.
    case unfencedPin = 1
    /// The entry is looked at before the pin and not after it (P3 step 4).
    case noSecondLook
    /// The pins are scanned before the entry is RETIRED (P5).
    case scanFirst
    /// An entry and its extent are free whatever is pinned (P5).
    case pinnedReused

    /// Plants a mistake in this process, or none.
    package static func plant(_ bug: PlantedPinMistake?) { cfluxon_plant(bug?.rawValue ?? 0) }
}
#endif
