import FluxonCore
import FluxonMeasure
import FluxonSystem
import FluxonTransfer

/// Keeps transfers running, each started from the completion of another. On the reader's loop.
final class TransferRun: @unchecked Sendable {
    // SAFETY: changed on the reader's loop only, from the call of `begin` on.
    private let pair: TransferPair
    private let tickets: [Ticket]
    private let time: Duration
    private let bytes: Int
    private var next = 0
    private var running = 0
    private var recorder = LatencyRecorder()
    private var start = BootInstant.zero
    private var continuation: CheckedContinuation<(recorder: LatencyRecorder, nanoseconds: UInt64), any Error>?

    /// Ends after `time`, or when the tickets are used up.
    init(_ pair: TransferPair, tickets: [Ticket], time: Duration) {
        self.pair = pair
        self.tickets = tickets
        self.time = time
        bytes = pair.source.bytes.count
    }

    func measure(_ name: String, threads: Int) async throws -> Measurement {
        let (recorder, nanoseconds) = try await run()
        return recorder.measurement(
            name, bytes: bytes, threads: threads, inFlight: pair.destinations.count, elapsedNanoseconds: nanoseconds)
    }

    /// - Returns: How long each transfer took, and all together.
    func run() async throws -> (recorder: LatencyRecorder, nanoseconds: UInt64) {
        try await withCheckedThrowingContinuation { continuation in
            pair.reading.loop.execute { self.begin(continuation) }
        }
    }

    private func begin(_ continuation: CheckedContinuation<(recorder: LatencyRecorder, nanoseconds: UInt64), any Error>) {
        self.continuation = continuation
        start = BootClock.now
        for lane in pair.destinations.indices { fetch(lane) }
    }

    private func fetch(_ lane: Int) {
        let now = BootClock.now
        guard next < tickets.count, now.since(start) < time else { return end(now) }
        let request = FetchRequest(
            peer: pair.peer, ticket: tickets[next], version: TransferPair.version, range: 0..<UInt64(bytes),
            destination: Destination(pair.destinations[lane].bytes), deadline: now.advanced(by: .seconds(30)))
        next += 1
        running += 1
        pair.reading.assumeIsolated { reader in
            _ = reader.start(request) { self.ended($0, lane: lane, startedAt: now) }
        }
    }

    private func ended(_ result: Result<Void, TransferError>, lane: Int, startedAt: BootInstant) {
        running -= 1
        do throws(TransferError) {
            try result.get()
            recorder.record(nanoseconds: BootClock.now.nanoseconds - startedAt.nanoseconds)
            fetch(lane)
        } catch {
            continuation?.resume(throwing: error)
            continuation = nil
        }
    }

    private func end(_ now: BootInstant) {
        guard running == 0 else { return }
        continuation?.resume(returning: (recorder, now.nanoseconds - start.nanoseconds))
        continuation = nil
    }
}
