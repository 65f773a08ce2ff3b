import FluxonCore
import FluxonRPC
import Testing

/// The rules alone; `FloodTests` sends the floods.
@Suite struct ConnectionBudgetTests {
    private static let limits = RPCLimits.with {
        $0.turnCalls = 4
        $0.turnFrames = 10
        $0.turnHeaderBytes = 1000
        $0.headerWalkBytes = 3000
        $0.oddities = 100
        $0.odditiesPerSecond = 10
        $0.resets = 20
        $0.resetsPerSecond = 10
        $0.queuedFrames = 50
    }
    private var budget = ConnectionBudget(limits: limits)

    private static func instant(_ seconds: Double) -> BootInstant { BootInstant.zero.advanced(by: .seconds(seconds)) }

    /// Whether the budget lets the connection live through so many frames.
    private mutating func takes(_ count: Int, _ frame: ConnectionBudget.Frame) -> Bool {
        var isFine = true
        for _ in 0..<count where !budget.received(frame) { isFine = false }
        return isFine
    }

    private mutating func walks(_ byteCount: Int) -> Bool { budget.receivedField(byteCount) }

    private mutating func refuses(_ count: Int) -> Bool {
        var isFine = true
        for _ in 0..<count where !budget.refusedCall() { isFine = false }
        return isFine
    }

    @Test("a connection waits when its calls, frames or header bytes of a turn are used, and goes on in the next")
    mutating func turns() {
        for _ in 0..<3 { budget.beganCall() }
        #expect(!budget.mustWait)
        budget.beganCall()
        #expect(budget.mustWait)
        budget.beginTurn()
        #expect(!budget.mustWait)
        let isFine = takes(10, .payload)
        #expect(isFine && budget.mustWait)
        budget.beginTurn()
        budget.beganList()
        _ = walks(999)
        #expect(!budget.mustWait)
        _ = walks(1)
        #expect(budget.mustWait)
        #expect(budget.excess == nil)
    }

    @Test("much is read at a time of a peer whose frames are long, and little of one whose frames are short")
    mutating func reads() {
        let least = budget.readBytes
        for _ in 0..<10 {
            budget.read(budget.readBytes)
            _ = takes(2, .payload)
            budget.beginTurn()
        }
        #expect(budget.readBytes == 16 * least)
        budget.read(budget.readBytes)
        _ = takes(1000, .payload)
        budget.beginTurn()
        #expect(budget.readBytes == least)
    }

    @Test("oddities beyond the allowance end the connection, and it stays ended")
    mutating func oddities() {
        let isFine = takes(100, .oddity)
        #expect(isFine)
        let isOver = !takes(1, .oddity)
        #expect(isOver && budget.excess == .oddities(limit: 100))
        budget.sentData()
        _ = takes(30, .reset)
        #expect(budget.excess == .oddities(limit: 100))
    }

    @Test("calls and DATA to the peer give reason for oddities, without end")
    mutating func reasons() {
        for _ in 0..<10_000 {
            budget.sentData()
            budget.beganCall()
            _ = takes(3, .oddity)
        }
        #expect(budget.excess == nil)
    }

    @Test("SETTINGS cost more the more windows they move", arguments: [(streams: 0, count: 5), (streams: 640, count: 2)])
    mutating func settings(streams: Int, count: Int) {
        let isFine = takes(count, .settings(streams: streams))
        let isOver = !takes(1, .settings(streams: streams))
        #expect(isFine && isOver)
    }

    @Test("resets beyond the calls that ended in order are counted, and the allowance grows back with time")
    mutating func resets() {
        for _ in 0..<1000 {
            budget.endedCall()
            _ = takes(1, .reset)
        }
        #expect(budget.excess == nil && !budget.isLow)
        budget.endedCall()
        _ = takes(15, .reset)
        #expect(budget.isLow)
        budget.refill(now: Self.instant(100))
        budget.refill(now: Self.instant(101))
        let isFine = takes(15, .reset)
        let isOver = !takes(1, .reset)
        #expect(isFine && isOver && budget.excess == .resets(limit: 20))
    }

    @Test("a list of fields may be walked so far and no further, the next one from its beginning")
    mutating func lists() {
        budget.beganList()
        let first = walks(3000)
        budget.beganList()
        let second = walks(2000)
        let third = walks(1001)
        #expect(first && second && !third)
        #expect(budget.excess == .headerBytes(limit: 3000))
    }

    @Test("refused calls are dear")
    mutating func refusals() {
        let isFine = refuses(2)
        let isOver = !refuses(1)
        #expect(isFine && isOver && budget.excess == .oddities(limit: 100))
    }

    @Test("answers that nobody reads end the connection")
    mutating func unsent() {
        let isFine = budget.leaves(unsent: 50)
        let isOver = !budget.leaves(unsent: 51)
        #expect(isFine && isOver && budget.excess == .unsentFrames(limit: 50))
    }
}
