import FluxonCore
import FluxonSystem
import Synchronization
import Testing

/// A thread of a test that waits on a loop like the loop's own.
private final class Visitor: Sendable {
    let hasReport = Atomic(false)
    let reportingThread = Atomic<UInt>(0)
    let identifier = Atomic<UInt>(0)
    let visits = Atomic<Int>(0)
    let isAnswered = Atomic(false)

    /// On the loop.
    func report() {
        reportingThread.store(KernelThread.currentIdentifier, ordering: .relaxed)
        hasReport.store(true, ordering: .releasing)
    }

    /// Visits until there is a report: a loop that is in a turn is not waited for, and work for the loop's thread ends a visit.
    func stay(on loop: EventLoop) throws -> KernelThread {
        try KernelThread.start(name: "visitor") { [self] in
            identifier.store(KernelThread.currentIdentifier, ordering: .relaxed)
            while !hasReport.load(ordering: .acquiring) {
                visits.wrappingAdd(1, ordering: .relaxed)
                isAnswered.store(loop.visit(for: .seconds(20)) { self.hasReport.load(ordering: .relaxed) }, ordering: .relaxed)
            }
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct EventLoopVisitTests {
    @Test("what the kernel reports wakes the visitor, and it does the turn")
    func report() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        // The one that came to the kernel last is woken. A visitor that is late once is not late each time.
        for _ in 0..<20 {
            let visitor = Visitor()
            try await loop.perform { _ = loop.schedule(after: .milliseconds(30)) { visitor.report() } }
            try visitor.stay(on: loop).join()
            if visitor.reportingThread.load(ordering: .relaxed) == visitor.identifier.load(ordering: .relaxed) {
                let isAnswered = visitor.isAnswered.load(ordering: .relaxed)
                #expect(isAnswered)
                return
            }
        }
        Issue.record("the loop's own thread took every report")
    }

    @Test("work that others leave is done by the loop's own thread, at once")
    func work() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let own = try await loop.perform { KernelThread.currentIdentifier }
        let visitor = Visitor()
        let thread = try visitor.stay(on: loop)
        for _ in 0..<1000 {
            let thread = try await loop.perform { KernelThread.currentIdentifier }
            #expect(thread == own)
        }
        loop.execute { visitor.report() }
        thread.join()
        let place = visitor.reportingThread.load(ordering: .relaxed)
        #expect(place == own)
    }

    @Test("a visitor learns at once what the loop's own thread found")
    func foundByTheLoop() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let visitor = Visitor()
        let start = loop.now
        let thread = try visitor.stay(on: loop)
        // Work in a queue is the loop's own thread's.
        while visitor.visits.load(ordering: .relaxed) == 0 { KernelThread.yield() }
        loop.execute { visitor.report() }
        thread.join()
        #expect(loop.now.since(start) < .seconds(15), "the visit lasts 20 s when nobody tells")
    }

    @Test("one visitor at a time, none on the loop itself, and none longer than it wished")
    func bounds() async throws {
        let loop = try EventLoop.started(name: "test")
        defer { loop.stop() }
        let onTheLoop = try await loop.perform { loop.visit(for: .seconds(20)) { false } }
        #expect(!onTheLoop)
        let start = loop.now
        #expect(!loop.visit(for: .milliseconds(2)) { false })
        let visitor = Visitor()
        let thread = try visitor.stay(on: loop)
        #expect(!loop.visit(for: .milliseconds(2)) { false })
        #expect(loop.now.since(start) < .seconds(15))
        loop.execute { visitor.report() }
        thread.join()
    }

    @Test("a loop that is visited ends when it is stopped")
    func stop() async throws {
        let loop = try EventLoop.started(name: "test")
        let visitor = Visitor()
        let thread = try visitor.stay(on: loop)
        while visitor.visits.load(ordering: .relaxed) == 0 { KernelThread.yield() }
        loop.stop()
        visitor.report()
        thread.join()
        #expect(!loop.visit(for: .seconds(20)) { false })
    }
}
