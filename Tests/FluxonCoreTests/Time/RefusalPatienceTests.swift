import FluxonCore
import Testing

@Suite struct RefusalPatienceTests {
    /// What each refusal at these times after the first leads to; nil stands for being accepted.
    private func outcomes(_ events: [Duration?]) -> [Bool] {
        var patience = RefusalPatience()
        return events.compactMap { time in
            guard let time else {
                patience.accepted()
                return nil
            }
            return patience.isOver(refusedAt: BootInstant(nanoseconds: 5_000_000_000).advanced(by: time))
        }
    }

    @Test("patience is counted from the first of a row of refusals")
    func firstRefusal() { #expect(outcomes([.zero, .milliseconds(7_999), RefusalPatience.limit]) == [false, false, true]) }

    @Test("being accepted ends the row")
    func accepted() { #expect(outcomes([.zero, nil, .seconds(60), .seconds(68)]) == [false, false, true]) }
}
