import DequeModule
import FluxonCore

/// Which frames a turn of the master takes, and which wait for the next: a thousand owners that report at a time bring megabytes each,
/// and grants wait for the turn's end. Small frames, which are what lives on, never wait.
///
///     admits ──yes──▶ taken in this turn ◀──next, in a later turn── waiting ◀──no: the caller reads no more of the connection
struct FrameLine: Sendable {
    private var taken = 0
    private var waiting: Deque<(connection: ConnectionID, bytes: [UInt8])> = []

    var hasWaiting: Bool { !waiting.isEmpty }

    /// Counts a frame of this turn.
    ///
    /// - Returns: False: it is to wait.
    mutating func admits(byteCount: Int) -> Bool {
        guard byteCount <= Limits.masterSmallFrameBytes || (taken < Limits.masterTurnBytes && waiting.isEmpty) else { return false }
        taken += byteCount
        return true
    }

    mutating func wait(_ bytes: [UInt8], of connection: ConnectionID) { waiting.append((connection, bytes)) }

    /// The frame that has waited longest, while this turn takes more.
    mutating func next() -> (connection: ConnectionID, bytes: [UInt8])? {
        guard taken < Limits.masterTurnBytes, let first = waiting.popFirst() else { return nil }
        taken += first.bytes.count
        return first
    }

    mutating func turnEnds() { taken = 0 }
}
