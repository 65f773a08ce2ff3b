import FluxonCore
import FluxonSystem
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct EventLoopTests {
    @Test("closures run on the loop in the order of their adding")
    func order() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let seen = Mutex<[Int]>([])
        for number in 0..<1000 { loop.execute { seen.withLock { $0.append(number) } } }
        let isCurrent = try await loop.perform { loop.isCurrent }
        #expect(isCurrent)
        #expect(!loop.isCurrent)
        #expect(seen.withLock { $0 } == Array(0..<1000))
    }

    @Test("work in place is done when the call returns if the loop sleeps, with its flush; on the loop, later; never at the same time")
    func inPlace() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        // A baton that somebody else holds is not waited for: a few attempts meet the loop asleep.
        let isDone = Atomic(false)
        while !isDone.load(ordering: .acquiring) {
            loop.executeInPlace { loop.atEndOfTick { isDone.store(true, ordering: .releasing) } }
        }
        let order = try await loop.perform {
            let seen = Mutex<[Int]>([])
            loop.executeInPlace { seen.withLock { $0.append(2) } }
            seen.withLock { $0.append(1) }
            return seen.withLock { $0 }
        }
        #expect(order == [1])
        // SAFETY: touched by who holds the baton alone, which is what is tested: without it additions are lost.
        nonisolated(unsafe) var count = 0
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask { for _ in 0..<5000 { loop.executeInPlace { count += loop.isCurrent ? 1 : 0 } } }
            }
        }
        let total = try await loop.perform { count }
        #expect(total == 20_000)
    }

    @Test("a timer that is set in place wakes the loop in time, and work that it leaves is done by the loop")
    func afterwards() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        await withCheckedContinuation { done in
            loop.executeInPlace {
                _ = loop.schedule(after: .milliseconds(5)) { loop.executeInPlace { loop.inNextTick { done.resume() } } }
            }
        }
        await withCheckedContinuation { done in loop.executeInPlace { loop.execute { done.resume() } } }
    }

    @Test("a task that prefers the loop runs there, and goes on elsewhere when the loop has ended")
    func taskAfterTheEnd() async throws {
        let loop = try EventLoop.started(name: "test")
        let other = try EventLoop.started(name: "other")
        defer { other.stop() }
        let task = Task(executorPreference: loop.taskExecutor) {
            let wasCurrent = loop.isCurrent
            // From elsewhere it returns when the thread has ended.
            await Task(executorPreference: other.taskExecutor) { loop.stop() }.value
            return wasCurrent && !loop.isCurrent
        }
        #expect(await task.value)
        #expect(await Task(executorPreference: loop.taskExecutor) { loop.isCurrent }.value == false)
    }

    @Test("what is for after the flushes comes after what they cause")
    func afterFlushes() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let seen = Mutex<[Int]>([])
        await withCheckedContinuation { done in
            loop.execute {
                loop.afterFlushes {
                    seen.withLock { $0.append(3) }
                    done.resume()
                }
                loop.atEndOfTick {
                    seen.withLock { $0.append(1) }
                    loop.atEndOfTick { seen.withLock { $0.append(2) } }
                }
            }
        }
        #expect(seen.withLock { $0 } == [1, 2, 3])
    }

    @Test("timers fire in the order of their deadlines, and a cancelled one never")
    func timers() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let seen = Mutex<[Int]>([])
        await withCheckedContinuation { done in
            loop.execute {
                let start = loop.now
                var timers: [LoopTimer] = []
                for number in [5, 1, 4, 2, 3, 0] {
                    timers.append(loop.schedule(at: start.advanced(by: .milliseconds(number))) { seen.withLock { $0.append(number) } })
                }
                timers[2].cancel()
                _ = loop.schedule(at: start.advanced(by: .milliseconds(6))) { done.resume() }
            }
        }
        #expect(seen.withLock { $0 } == [0, 1, 2, 3, 5])
    }

    @Test("the timers that were not cancelled fire least deadline first")
    func heap() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let fired = Mutex<[BootInstant]>([])
        let expected = await withCheckedContinuation { done in
            loop.execute {
                let start = loop.now
                var timers = (0..<2000).map { _ in
                    let deadline = start.advanced(by: .nanoseconds(Int64.random(in: 0..<2_000_000)))
                    return loop.schedule(at: deadline) { fired.withLock { $0.append(deadline) } }
                }
                timers.shuffle()
                for timer in timers.prefix(1000) { timer.cancel() }
                let rest = timers.dropFirst(1000).map(\.deadline).sorted()
                _ = loop.schedule(after: .milliseconds(3)) { done.resume(returning: rest) }
            }
        }
        #expect(fired.withLock { $0 } == expected)
    }

    @Test("work for the turn's end runs once, after the jobs of the turn")
    func turnEnd() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let seen = Mutex<[String]>([])
        await withCheckedContinuation { done in
            loop.execute {
                loop.atEndOfTick {
                    seen.withLock { $0.append("end") }
                    done.resume()
                }
                loop.execute { seen.withLock { $0.append("job") } }
                seen.withLock { $0.append("now") }
            }
        }
        #expect(seen.withLock { $0 } == ["now", "job", "end"])
    }

    @Test("an actor pinned to the loop runs there, also called synchronously from a raw callback")
    func actors() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let counter = PinnedCounter(loop: loop)
        #expect(await counter.increment())
        let fromCallback = try await loop.perform { counter.assumeIsolated { $0.increment() } }
        #expect(fromCallback)
        #expect(await counter.count == 2)
    }

    @Test("a task that prefers the loop runs there between its calls of a pinned actor")
    func tasks() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let counter = PinnedCounter(loop: loop)
        let stayed = await Task(executorPreference: loop.taskExecutor) {
            var stayed = loop.isCurrent
            for _ in 0..<100 {
                let onLoop = await counter.increment()
                stayed = stayed && onLoop && loop.isCurrent
            }
            return stayed
        }.value
        #expect(stayed)
    }

    @Test("a sleeping task wakes at its deadline, a cancelled one at once with an error")
    func sleeping() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let start = loop.now
        try await loop.sleep(for: .milliseconds(5))
        #expect(loop.now.since(start) >= .milliseconds(5))
        let sleeper = Task { try await loop.sleep(for: .seconds(3600)) }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }

    @Test("a socket reports the bytes and the end of its peer, and nothing once its registration is cancelled")
    func descriptors() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let pair = try Descriptor.socketPair()
        let reader = pair.first.number
        let reports = Mutex<[Readiness]>([])
        await withCheckedContinuation { done in
            loop.execute {
                var registration: Registration?
                registration = try? loop.register(reader, .readable) { readiness in
                    reports.withLock { $0.append(readiness) }
                    guard readiness.contains(.closed) else { return }
                    registration?.cancel()
                    loop.execute { done.resume() }
                }
            }
            #expect([1, 2, 3].withUnsafeBytes { Socket.send(pair.second.number, $0) } == .moved(24))
            Socket.shutdownWrite(pair.second.number)
        }
        #expect(reports.withLock { $0.last } == [.readable, .closed])
    }

    @Test("stopping runs what already waits")
    func stopping() throws {
        let loop = try EventLoop(name: "test")
        let count = Mutex(0)
        for _ in 0..<100 { loop.execute { count.withLock { $0 += 1 } } }
        try loop.start()
        loop.stop()
        #expect(count.withLock { $0 } == 100)
    }

    @Test("loops that are stopped from within leave no stacks behind")
    func stacks() async throws {
        func addressBytes() throws -> Int {
            let words = String(decoding: try File.readAll("/proc/self/statm", limit: 4096), as: UTF8.self).split(separator: " ")
            return try #require(words.first.flatMap { Int($0) }) * 4096
        }
        let before = try addressBytes()
        for _ in 0..<256 {
            let loop = try EventLoop.started(name: "test")
            await withCheckedContinuation { done in
                loop.execute {
                    loop.stop()
                    done.resume()
                }
            }
        }
        // A stack has 2 MiB at least; a few threads may still be on their way out.
        #expect(try addressBytes() - before < 256 << 20)
    }
}

private actor PinnedCounter {
    private let loop: EventLoop
    private(set) var count = 0

    init(loop: EventLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.serialExecutor.asUnownedSerialExecutor() }

    func increment() -> Bool {
        count += 1
        return loop.isCurrent
    }
}
