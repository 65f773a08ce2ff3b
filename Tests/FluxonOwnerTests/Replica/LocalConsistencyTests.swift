import FluxonCore
import FluxonOwner
import Testing

/// What `consistency: .local` promises: whatever copy this owner has, and nothing that must be waited for.
@Suite final class LocalConsistencyTests: ScriptedOwner {
    private func getLocally(_ waiter: UInt64, wants: GetRequest.Wants = .value, at now: BootInstant = start) {
        table.get(GetRequest(waiter: WaiterID(waiter), key: key, wants: wants, consistency: .local, deadline: Self.deadline), now: now)
    }

    @Test("without a copy it is answered at once, and nobody is asked")
    func noCopy() {
        getLocally(1)
        let (sent, rest) = turn()
        #expect(sent.isEmpty)
        #expect(rest == [.answerGet(WaiterID(1), .absent)])
    }

    @Test("the copy is given long after validity ended")
    func stale() {
        put(1, extent: 10)
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
        let later = Self.start.advanced(by: .seconds(60))
        getLocally(1, at: later)
        getLocally(2, wants: .metadata, at: later)
        #expect(
            turn(at: later).rest == [
                .answerGet(WaiterID(1), .value(copy(10, 1), isPublished: true)),
                .answerGet(WaiterID(2), .metadata(version(1), byteCount: 8)),
            ])
    }

    @Test("behind a commit without outcome it is the copy from before, or none")
    func behindCommit() {
        put(1, extent: 10)
        getLocally(1)
        #expect(turn().rest == [.answerGet(WaiterID(1), .absent)])
        _ = receive([.done(operation: 1, .committed(version(1)), publishes: true)])
        put(2, extent: 11)
        getLocally(2)
        #expect(turn().rest == [.answerGet(WaiterID(2), .value(copy(10, 1), isPublished: false))])
    }

    @Test("validity is told lost once, and regained with the time that it was gone; what never was is not told")
    func validityWatch() {
        var watch = ValidityWatch()
        func at(_ seconds: Int) -> BootInstant { Self.start.advanced(by: .seconds(seconds)) }
        #expect(watch.look(deadline: .zero, now: at(0)) == nil && watch.due == nil)
        #expect(watch.look(deadline: at(3), now: at(1)) == nil && watch.due == at(3))
        #expect(watch.look(deadline: at(5), now: at(3)) == nil && watch.due == at(5))
        #expect(watch.look(deadline: at(5), now: at(5)) == .lost && watch.due == nil)
        #expect(watch.look(deadline: at(5), now: at(9)) == nil)
        #expect(watch.isNews(at(14)) && !watch.isNews(at(5)))
        #expect(watch.look(deadline: at(14), now: at(12)) == .regained(after: .seconds(7)))
        // A grant that came too late to be valid ends it all the same.
        #expect(watch.look(deadline: at(15), now: at(16)) == .lost)
    }
}
