@testable import Fluxon
import Testing

@Suite struct LoneCallerTests {
    @Test("a task waits where it is from its second call on, as long as nobody else calls")
    func sameTask() async {
        let caller = LoneCaller()
        #expect(!caller.mayWait(beside: 0))
        #expect(caller.mayWait(beside: 0))
        #expect(!caller.mayWait(beside: 1), "another call is under way")
        #expect(caller.mayWait(beside: 0))
        let other = await Task { caller.mayWait(beside: 0) }.value
        #expect(!other, "its last call was another task's")
        #expect(!caller.mayWait(beside: 0), "and so was this one's")
        #expect(caller.mayWait(beside: 0))
    }

    @Test("tasks that take turns on one thread never wait: one would keep the others from calling")
    @MainActor func turns() async {
        let caller = LoneCaller()
        let tasks = (0..<8).map { _ in
            Task { @MainActor in
                var waits = 0
                for _ in 0..<100 {
                    if caller.mayWait(beside: 0) { waits += 1 }
                    await Task.yield()
                }
                return waits
            }
        }
        var waits: [Int] = []
        for task in tasks { waits.append(await task.value) }
        // The last one to end has nobody beside it.
        #expect(waits.filter { $0 == 0 }.count >= 7, "\(waits)")
    }

    @Test("after late answers it waits ever more rarely, and again at each call once one is in time")
    func late() async {
        let caller = LoneCaller()
        _ = caller.mayWait(beside: 0)
        var pauses: [Int] = []
        for _ in 0..<9 {
            var pause = 0
            while !caller.mayWait(beside: 0) { pause += 1 }
            pauses.append(pause)
            caller.waited(false)
        }
        #expect(pauses == [0, 1, 2, 4, 8, 16, 32, 64, 64])
        while !caller.mayWait(beside: 0) {}
        caller.waited(true)
        #expect(caller.mayWait(beside: 0))
    }
}
