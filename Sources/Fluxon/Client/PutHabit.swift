internal import FluxonCore
private import Synchronization

/// How much this process puts, and so by which way its small values go. From any thread.
///
///     its first few: by the socket, one round trip, no pages ──many──▶ extents of its own, ever more at a time
///          ▲──────────────────── the owner asked for what is not used ────────────────────┘
final class PutHabit: Sendable {
    private let socketPuts = Atomic<Int>(0)
    private let reservations = Atomic<Int>(0)
    /// Bytes and extents that one reservation of small values asks for at most.
    private static let reservationBytes = 512 << 10
    private static let reservationCount = 64

    /// Whether the next value of this size goes by the socket.
    func takesSocket(_ byteCount: Int) -> Bool {
        guard byteCount <= Limits.socketPutBytes, socketPuts.load(ordering: .relaxed) < Limits.socketPuts else { return false }
        socketPuts.add(1, ordering: .relaxed)
        return true
    }

    /// How many extents to ask for: some more than one, so that a stream of small puts asks seldom.
    func reservationCount(_ byteCount: Int) -> UInt64 {
        let earlier = min(reservations.add(1, ordering: .relaxed).oldValue, 4)
        return UInt64(min(max(Self.reservationBytes / max(byteCount, 1), 1), 4 << earlier, Self.reservationCount))
    }

    /// Space is short: this process begins again as one that puts little.
    func beginAgain() {
        socketPuts.store(0, ordering: .relaxed)
        reservations.store(0, ordering: .relaxed)
    }
}
