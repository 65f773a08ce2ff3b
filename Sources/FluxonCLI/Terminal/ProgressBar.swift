import FluxonCore

/// One line on standard error that grows while bytes move; nothing where that is no terminal, or where it would only flash.
final class ProgressBar {
    private let title: String
    private let total: Int
    private let isShown: Bool
    private let start = ContinuousClock.now
    private var nextDrawing: ContinuousClock.Instant
    private var hasDrawn = false

    private static let interval = Duration.milliseconds(50)
    private static let width = 30

    init(_ title: String, total: Int) {
        self.title = title
        self.total = total
        isShown = Terminal.Stream.error.isTerminal && total > 0
        nextDrawing = start + Self.interval
    }

    /// `done` of `total` bytes are through.
    func advance(to done: Int) {
        guard isShown else { return }
        let now = ContinuousClock.now
        guard now >= nextDrawing else { return }
        nextDrawing = now + Self.interval
        draw(done, now)
    }

    /// Takes the line away.
    func finish() {
        if hasDrawn { Terminal.raw("\r\u{1B}[K") }
    }

    private func draw(_ done: Int, _ now: ContinuousClock.Instant) {
        hasDrawn = true
        let filled = Int(Double(done) / Double(total) * Double(Self.width))
        let bar = String(repeating: "━", count: filled) + String(repeating: "╌", count: Self.width - filled)
        let speed = Speed(bytes: done, elapsed: now - start)
        Terminal.raw(
            "\r\(title) \(bar) \(done * 100 / total) %  \(ByteSize.describe(done)) of \(ByteSize.describe(total))  \(speed.rate)\u{1B}[K")
    }
}
