import FluxonCore
import FluxonEtcd
import Testing

@Suite struct LeaseKeeperTests {
    static let start = BootInstant(nanoseconds: 1_000_000_000_000)
    var keeper = LeaseKeeper(ttl: .seconds(9), granted: LeaseKeeperTests.start)

    private func at(_ seconds: Double) -> BootInstant { Self.start.advanced(by: .seconds(seconds)) }

    @Test("a keep-alive is sent every third of the TTL, the first opens the stream")
    mutating func rhythm() {
        #expect(keeper.nextWake == at(3))
        #expect(keeper.wake(now: at(2.9)) == [])
        #expect(keeper.wake(now: at(3)) == [.reopen, .send])
        #expect(keeper.answered(ttl: 9, now: at(3.1)) == [])
        #expect(keeper.nextWake == at(6) && keeper.confirmedUntil == at(12))
        #expect(keeper.wake(now: at(6)) == [.send])
    }

    @Test("without an answer for a third of the TTL the next one goes over another stream")
    mutating func silence() {
        _ = keeper.wake(now: at(3))
        #expect(keeper.wake(now: at(5)) == [])
        #expect(keeper.wake(now: at(6)) == [.reopen, .send])
        #expect(keeper.confirmedUntil == at(9))
    }

    @Test("a stream that ends is opened again after a pause that grows up to a third of the TTL")
    mutating func endedStreams() {
        var now = at(3)
        var pauses: [Duration] = []
        for _ in 0..<8 {
            #expect(keeper.wake(now: now) == [.reopen, .send])
            keeper.streamEnded(now: now)
            guard let next = keeper.nextWake else { return }
            pauses.append(next.since(now))
            now = next
        }
        #expect(pauses[0] == .milliseconds(50) && pauses[1] == .milliseconds(100) && pauses[7] == .seconds(3))
    }

    @Test("the lease is lost when etcd says so, whatever time has passed")
    mutating func loss() {
        for second in [3.0, 6, 9, 20, 60] { #expect(keeper.wake(now: at(second)).last == .send) }
        #expect(keeper.answered(ttl: 0, now: at(61)) == [.lost])
        #expect(keeper.answered(ttl: 0, now: at(61)) == [] && keeper.wake(now: at(99)) == [] && keeper.nextWake == nil)
    }
}
