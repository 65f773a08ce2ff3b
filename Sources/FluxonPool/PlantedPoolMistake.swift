#if FLUXON_PLANTING
/// Mistakes that a test plants to see that they are found.
package enum PlantedPoolMistake: String, CaseIterable, Sendable {
    /// A retired entry is freed although a pin names it (P5).
    case reusePinned
    /// Withdrawn pages pass on before their process has unmapped them (F1).
    case reuseBeforeUnmap
}

/// Mistakes in the order of a reader's steps (P3).
package enum PlantedReaderMistake: String, CaseIterable, Sendable {
    /// D is looked at after the last look at the entry (P4).
    case deadlineLast
    /// The last look at the entry comes before the pin.
    case lookBeforePin
    /// The fields are read without the last look.
    case noLastLook

    func successor(of step: SteppedRead.Step) -> SteppedRead.Step? {
        switch (self, step) {
        case (.deadlineLast, .pin): .lookAgain
        case (.deadlineLast, .lookAgain): .loadDeadline
        case (.deadlineLast, .readClock): .readFields
        case (.lookBeforePin, .look): .lookAgain
        case (.lookBeforePin, .lookAgain): .pin
        case (.lookBeforePin, .readClock): .readFields
        case (.noLastLook, .readClock): .readFields
        default: nil
        }
    }
}
#endif
