import FluxonCore
import Testing

@Suite struct BackoffTests {
    @Test("pauses double up to the longest, and begin anew only after a success")
    func doubling() {
        var backoff = Backoff(first: .milliseconds(50), longest: .milliseconds(300), spread: 0)
        #expect((0..<5).map { _ in backoff.next() } == [50, 100, 200, 300, 300].map { .milliseconds($0) })
        backoff.succeeded()
        #expect(backoff.next() == .milliseconds(50))
        #expect(backoff.pause(after: 0) == .zero && backoff.pause(after: .max) == .milliseconds(300))
    }

    @Test("chance moves a pause by no more than its spread, to both sides")
    func spread() {
        let pauses = (0..<200).map { _ in
            var backoff = Backoff(first: .seconds(1), longest: .seconds(1))
            return backoff.next()
        }
        #expect(pauses.allSatisfy { (.milliseconds(800)...(.milliseconds(1200))).contains($0) })
        #expect(pauses.contains { $0 < .milliseconds(950) } && pauses.contains { $0 > .milliseconds(1050) })
    }
}
