import FluxonCore
import FluxonOwner
import Testing

@Suite struct FailoverClockTests {
    private func at(_ seconds: UInt64) -> BootInstant { BootInstant(nanoseconds: seconds * 1_000_000_000) }

    @Test("a failover lasts from the loss of one master to the first grant of another")
    func killed() {
        var clock = FailoverClock()
        clock.disconnected(now: at(1))
        clock.granted(term: 4, now: at(2))
        #expect(clock.last == nil, "there was no master before")
        clock.disconnected(now: at(10))
        clock.disconnected(now: at(12))
        clock.granted(term: 5, now: at(16))
        #expect(clock.last == .seconds(6))
    }

    @Test("a connection that comes back to the same master is no failover, and a master that fell silent is lost since its last grant")
    func stopped() {
        var clock = FailoverClock()
        clock.granted(term: 4, now: at(2))
        clock.disconnected(now: at(3))
        clock.granted(term: 4, now: at(20))
        #expect(clock.last == nil)
        clock.granted(term: 6, now: at(28))
        #expect(clock.last == .seconds(8))
    }
}
