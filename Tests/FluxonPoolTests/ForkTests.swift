import FluxonCore
import FluxonPool
import FluxonPoolStress
import FluxonSystem
import Glibc
import Testing

@Suite struct ForkTests {
    @Test(
        "P9: in a forked child gets are refused, a held value knows it, and its release leaves the parent's pin alone",
        .timeLimit(.minutes(1)))
    func child() throws {
        let pair = try PoolPair()
        try pair.put("key", [1])
        let held = try #require(pair.pin("key"))
        let key = try Key("key")
        let view = pair.view
        // Swift hides fork; the child below only loads, stores and exits.
        let symbol = try #require(dlsym(nil, "fork"))
        let fork = unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)
        let child = fork()
        if child == 0 {
            var answers: CInt = 0
            if view.isForkedChild { answers |= 1 }
            if !held.isUsable { answers |= 2 }
            if view.get(key).kind() == .forkedChild { answers |= 4 }
            held.drop()
            _exit(answers)
        }
        #expect(child > 0)
        var status: CInt = 0
        #expect(waitpid(child, &status, 0) == child)
        #expect(status == 7 << 8, "exited with all three answers right")
        #expect(pair.view.heldPins == 1)
        #expect(held.bytes == [1])
        #expect(!pair.view.isForkedChild)
    }
}
