import FluxonCore
import Testing

@Suite struct StateLogTests {
    private static func at(_ seconds: Int) -> BootInstant { BootInstant(nanoseconds: 0).advanced(by: .seconds(seconds)) }

    @Test("a state that stays is told of when it comes and then ever more rarely, with how often it was met")
    func repeated() {
        var log = StateLog<String>()
        let lines = (0..<3600).compactMap { second in log.note("full", now: Self.at(second)).map { (second, $0) } }
        #expect(lines.map(\.0) == [0, 30, 90, 210, 450, 930, 1890])
        #expect(lines.map(\.1) == [1, 30, 60, 120, 240, 480, 960])
    }

    @Test("what comes back after more than the longest interval of silence begins anew")
    func longSilence() {
        var log = StateLog<String>()
        #expect(log.note("a", now: Self.at(0)) == 1)
        #expect(log.note("a", now: Self.at(1)) == nil)
        #expect(log.note("a", now: Self.at(30 + 3600)) == 2)
        #expect(log.note("a", now: Self.at(30 + 3600 + 29)) == nil)
        #expect(log.note("a", now: Self.at(30 + 3600 + 30)) == 2)
    }

    @Test("another state is told of at once, and the end of one once")
    func changes() {
        var log = StateLog<String>()
        #expect(log.note("a", now: Self.at(0)) == 1)
        #expect(log.note("b", now: Self.at(0)) == 1)
        #expect(log.note("b", now: Self.at(1)) == nil)
        let ends = [log.cleared(), log.cleared()]
        #expect(ends == [true, false])
        #expect(log.note("b", now: Self.at(2)) == 1)
    }
}
