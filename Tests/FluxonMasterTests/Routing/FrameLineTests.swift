import FluxonCore
import Testing

@testable import FluxonMaster

@Suite struct FrameLineTests {
    private static let page = [UInt8](repeating: 1, count: 100 << 10)

    @Test("a turn takes large frames up to its share; the others wait for theirs in the order in which they came")
    func share() {
        var line = FrameLine()
        var admitted = 0
        for number in UInt64(0)..<100 {
            if line.admits(byteCount: Self.page.count) { admitted += 1 } else { line.wait(Self.page, of: ConnectionID(number)) }
        }
        let share = Limits.masterTurnBytes / Self.page.count + 1
        #expect(admitted == share)
        var order: [UInt64] = []
        while line.hasWaiting {
            #expect(line.next()?.connection == nil, "this turn has its share")
            line.turnEnds()
            var taken = 0
            while let frame = line.next() {
                order.append(frame.connection.number)
                taken += 1
            }
            #expect(taken <= share)
        }
        #expect(order == Array(UInt64(share)..<100))
    }

    @Test("a small frame never waits, and a large one does not overtake those that wait")
    func small() {
        var line = FrameLine()
        while line.admits(byteCount: Self.page.count) {}
        line.wait(Self.page, of: ConnectionID(1))
        #expect(line.admits(byteCount: Limits.masterSmallFrameBytes) == true)
        line.turnEnds()
        #expect(line.admits(byteCount: Self.page.count) == false)
        #expect(line.admits(byteCount: 1) == true)
        #expect(line.next()?.connection == ConnectionID(1))
        #expect(line.admits(byteCount: Self.page.count) == true)
    }
}
