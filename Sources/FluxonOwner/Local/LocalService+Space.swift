import FluxonCore
import FluxonPool
import FluxonSystem

// What to do when the pool has no room: processes are asked for what they do not use, then everything is tried again (CONSISTENCY F1).
extension LocalService {
    /// How often all is tried again while somebody waits: readers let go of values without a word.
    private static let spaceRetry = Duration.milliseconds(25)

    /// One look at the pins a turn is enough, see `Pool.turnEnded`.
    func turnBegan() {
        guard !isTurnEndDue else { return }
        isTurnEndDue = true
        loop.atEndOfTick { [weak self] in
            self?.isTurnEndDue = false
            self?.pool.turnEnded()
        }
    }

    /// Whether a request waits for space.
    var isSpaceShort: Bool { spaceTimer != nil }

    /// Somebody waits for `byteCount` bytes.
    func spaceIsShort(_ byteCount: Int) {
        recall(byteCount)
        if spaceTimer == nil { spaceTimer = loop.schedule(after: Self.spaceRetry) { [weak self] in self?.retryAll() } }
    }

    private func retryAll() {
        spaceTimer = nil
        turnBegan()
        for session in sessions.values where session.isRecalled { session.wasSilent() }
        for session in sessions.values where !session.waiting.isEmpty { session.retryWaiting(evicts: true) }
        guard let most = sessions.values.flatMap(\.waiting).map(\.byteCount).max() else { return }
        spaceIsShort(most)
    }

    /// A process unmapped pages, gave extents back, or died.
    func spaceReturned() {
        onSpaceReturned()
        guard isSpaceShort else { return }
        for session in sessions.values where !session.waiting.isEmpty { session.retryWaiting(evicts: false) }
    }

    /// Asks for what is not used: of those between whose values room was made; else of those who have most, until it is several times
    /// what is wanted, for it must lie together.
    package func recall(_ byteCount: Int) {
        let inTheWay = pool.takeProcessesInTheWay()
        guard inTheWay.isEmpty else {
            for session in sessions.values where inTheWay.contains(session.number) { session.recallIdleSpans() }
            return
        }
        var expected = 0
        let idle = sessions.values.map { ($0, $0.reclaimableBytes) }.filter { $0.1 > 0 }
        for (session, bytes) in idle.sorted(by: { ($0.1, $1.0.number) > ($1.1, $0.0.number) }) {
            guard expected < 4 * max(byteCount, Limits.socketPutBytes) else { return }
            session.recallIdleSpans()
            expected += bytes
        }
    }

    /// How the pool's space is used.
    package var spaceReport: SpaceReport {
        SpaceReport(pool: pool.statistics, local: summary, processes: descriptions)
    }
}
