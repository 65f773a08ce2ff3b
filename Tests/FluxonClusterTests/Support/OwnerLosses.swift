import FluxonCore

/// Which owners may have lost what they held, and when: everything else that was acknowledged must stay readable.
///
/// An owner that dies loses its values, and so does one that is silent until it is declared lost (R4). One that the master went on
/// without, in a term that then ended, is not believed by the next one, and what only it held goes (R6): the faults alone do not say
/// whether an owner was bypassed, only that it may have been.
struct OwnerLosses {
    private typealias Interval = (start: BootInstant, end: BootInstant)

    private var deaths: [String: [Interval]] = [:]
    /// The owner may have been out of the master's reach.
    private var silences: [String: [Interval]] = [:]
    /// The master's term may have ended.
    private var breaks: [Interval] = []

    /// Until a silent owner has reported again, and until a new term has all reports.
    private static let aftermath = Duration.seconds(10)
    /// CONSISTENCY §1, less what the slowest clock of a test loses of it.
    private static let lostAfter = Duration.seconds(26)

    mutating func recordDeath(of owner: String, from start: BootInstant, to end: BootInstant) {
        deaths[owner, default: []].append((start, end))
        recordSilence(of: [owner], from: start, to: end)
    }

    mutating func recordSilence(of owners: [String], from start: BootInstant, to end: BootInstant) {
        for owner in owners { silences[owner, default: []].append((start, end)) }
    }

    mutating func recordBreak(from start: BootInstant, to end: BootInstant) { breaks.append((start, end)) }

    var owners: Set<String> { Set(deaths.keys).union(silences.keys) }

    /// A value that was put through this owner, by a call that began before the end of one of these, may be gone from its start on.
    func intervals(of owner: String) -> [ClosedRange<UInt64>] {
        let silences = silences[owner] ?? []
        let lost = joined(silences, gap: .seconds(2)).filter { $0.end.since($0.start) > Self.lostAfter }
        let breaks = joined(breaks, gap: .zero)
        let disbelieved = silences.compactMap { silence -> Interval? in
            // While no master can write the roster, an owner that is back stays bypassed.
            var end = silence.end.advanced(by: Self.aftermath)
            var doubt: BootInstant?
            for pause in breaks where pause.start < end && silence.start < pause.end.advanced(by: Self.aftermath) {
                end = max(end, pause.end.advanced(by: Self.aftermath))
                doubt = min(doubt ?? .init(nanoseconds: .max), max(pause.start, silence.start))
            }
            return doubt.map { ($0, end) }
        }
        return ((deaths[owner] ?? []) + lost + disbelieved).map { $0.start.nanoseconds...$0.end.nanoseconds }
            .sorted { $0.lowerBound < $1.lowerBound }
    }

    /// In order; those that are at most `gap` apart are one.
    private func joined(_ intervals: [Interval], gap: Duration) -> [Interval] {
        var result: [Interval] = []
        for interval in intervals.sorted(by: { $0.start < $1.start }) {
            if let last = result.last, interval.start <= last.end.advanced(by: gap) {
                result[result.count - 1].end = max(last.end, interval.end)
            } else {
                result.append(interval)
            }
        }
        return result
    }
}
