import FluxonCore

/// When values may go although no owner was killed: an owner that the master went on without, in a term that then ended, is not believed
/// by the next one, and what only it held goes (CONSISTENCY R6).
///
/// The faults alone do not say whether the owner was bypassed, only that it may have been.
struct DoubtfulLosses {
    private typealias Interval = (start: BootInstant, end: BootInstant)

    /// Owners may have been out of the master's reach.
    private var silences: [Interval] = []
    /// The master's term may have ended.
    private var breaks: [Interval] = []

    /// Until a silent owner has reported again, and until a new term has all reports.
    private static let aftermath = Duration.seconds(10)

    mutating func record(_ target: String, from start: BootInstant, to end: BootInstant) {
        let interval = (start, end.advanced(by: Self.aftermath))
        if target.hasPrefix("owner") || target == "links to master-1" { silences.append(interval) }
        if target.hasPrefix("master") || target.hasSuffix("etcd") { breaks.append(interval) }
    }

    var instants: [BootInstant] {
        silences.flatMap { silence in
            breaks.filter { $0.start < silence.end && silence.start < $0.end }.map { max($0.start, silence.start) }
        }
    }
}
