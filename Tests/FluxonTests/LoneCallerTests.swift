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
    func turns() {
        let caller = LoneCaller()
        for _ in 0..<100 {
            for task in 1...8 { #expect(!caller.mayWait(task: task, beside: 0)) }
        }
        #expect(caller.mayWait(task: 8, beside: 0), "the last one has nobody beside it")
    }

    @Test("code outside of any task never waits: nobody can tell who called before")
    func outsideOfTasks() {
        let caller = LoneCaller()
        for _ in 0..<3 { #expect(!caller.mayWait(task: 0, beside: 0)) }
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
