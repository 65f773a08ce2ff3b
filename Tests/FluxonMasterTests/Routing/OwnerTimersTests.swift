import FluxonCore
import FluxonSeededRandom
import Testing

@testable import FluxonMaster

@Suite struct OwnerTimersTests {
    private func time(_ nanoseconds: UInt64) -> BootInstant { BootInstant(nanoseconds: nanoseconds) }

    @Test("a turn gets the owners whose time has passed, each once, and no others")
    func due() {
        var timers = OwnerTimers()
        for number in UInt32(1)...1_000 { timers.schedule(OwnerID(number), at: time(UInt64(number) * 10)) }
        // An earlier time counts, a later one does not.
        timers.schedule(OwnerID(900), at: time(5))
        timers.schedule(OwnerID(1), at: time(9_999))
        #expect(timers.first == time(5))
        var taken: [UInt32] = []
        while let owner = timers.takeDue(now: time(31)) { taken.append(owner.number) }
        #expect(taken == [900, 1, 2, 3])
        #expect(timers.takeDue(now: time(31)) == nil)
        timers.schedule(OwnerID(1), at: time(32))
        #expect(timers.takeDue(now: time(33)) == OwnerID(1))
        #expect(timers.first == time(40))
    }

    @Test("it finds the earliest of all times after any sequence of changes", arguments: [UInt64(1), 2])
    func model(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var timers = OwnerTimers()
        var model: [UInt32: UInt64] = [:]
        for _ in 0..<5_000 {
            let owner = UInt32(random.below(50)) + 1
            let due = random.below(1_000)
            timers.schedule(OwnerID(owner), at: time(due))
            model[owner] = min(model[owner] ?? .max, due)
            guard random.oneIn(3) else { continue }
            let now = random.below(1_000)
            var taken: [UInt32] = []
            while let owner = timers.takeDue(now: time(now)) { taken.append(owner.number) }
            #expect(taken.sorted() == model.filter { $0.value < now }.keys.sorted())
            for owner in taken { model[owner] = nil }
        }
    }
}
