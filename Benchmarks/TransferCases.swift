import FluxonCore
import FluxonMeasure
import FluxonSystem
import FluxonTransfer

/// Bulk transfers between two owners of this process over TCP loopback, from one shared-memory file into another.
func transferCases(bytes: Int) async throws {
    for inFlight in [1, 8] { Main.report(try await TransferLoopback.measure(bytes: bytes, inFlight: inFlight)) }
}

private let measuringTime: Duration = .seconds(1)

/// Pages as a pool has them.
private final class SharedBuffer: @unchecked Sendable {
    // SAFETY: mapped for the life of this object; the two sides of a benchmark use one each, in turn.
    private let region: MappedRegion
    let bytes: UnsafeMutableRawBufferPointer

    init(_ byteCount: Int) throws {
        let file = try File.inMemory(name: "fluxon-benchmark")
        try File.resize(file, to: UInt64(byteCount))
        region = try MappedRegion(file: file, byteCount: byteCount, access: .readWrite)
        bytes = region.bytes
        bytes.initializeMemory(as: UInt8.self, repeating: 7)
    }
}

/// The bytes of `raw loopback` through tickets, frames, checksums and two event loops.
private enum TransferLoopback {
    private static let version = Version(term: 1, sequence: 1)

    static func measure(bytes: Int, inFlight: Int) async throws -> Measurement {
        let holderLoop = try EventLoop.started(name: "holder")
        let readerLoop = try EventLoop.started(name: "reader")
        let reader = Asker(instance: InstanceKey("reader"), generation: Generation(1))
        let holder = Asker(instance: InstanceKey("holder"), generation: Generation(1))
        var limits = TransferLimits()
        limits.ticketsPerAsker = .max
        let serving = TransferActor(loop: holderLoop, cluster: "benchmark", owner: holder, limits: limits)
        let reading = TransferActor(loop: readerLoop, cluster: "benchmark", owner: reader, limits: limits)
        let address = try await serving.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let peer = TransferPeer(name: holder.instance, addresses: [TCPTransport.name: "\(address)"])
        let source = try SharedBuffer(bytes)
        // In the cluster a ticket comes with the answer that says where a value is: not part of the transfer.
        let count = max(200, min(40_000, (16 << 30) / bytes)) * (bytes > 1 << 20 ? 4 : 1)
        let tickets = try await serving.issue(count, to: reader, version: version, source: source)
        let run = try Run(peer: peer, tickets: tickets, bytes: bytes, inFlight: inFlight, reader: reading)
        let recorder = try await run.measure()
        await reading.close()
        await serving.close()
        readerLoop.stop()
        holderLoop.stop()
        return recorder
    }

    /// Keeps `inFlight` transfers running, each started from the completion of another. On the reader's loop.
    private final class Run: @unchecked Sendable {
        // SAFETY: changed on the reader's loop only, from the call of `begin` on.
        private let peer: TransferPeer
        private let tickets: [Ticket]
        private let bytes: Int
        private let inFlight: Int
        private let reader: TransferActor
        private let destinations: [SharedBuffer]
        private var next = 0
        private var running = 0
        private var recorder = LatencyRecorder()
        private var start = BootInstant.zero
        private var continuation: CheckedContinuation<Measurement, any Error>?

        init(peer: TransferPeer, tickets: [Ticket], bytes: Int, inFlight: Int, reader: TransferActor) throws {
            self.peer = peer
            self.tickets = tickets
            self.bytes = bytes
            self.inFlight = inFlight
            self.reader = reader
            destinations = try (0..<inFlight).map { _ in try SharedBuffer(bytes) }
        }

        func measure() async throws -> Measurement {
            try await withCheckedThrowingContinuation { continuation in
                reader.loop.execute { [self] in
                    self.continuation = continuation
                    start = BootClock.now
                    for lane in 0..<inFlight { fetch(lane) }
                }
            }
        }

        private func fetch(_ lane: Int) {
            let now = BootClock.now
            guard next < tickets.count, now.since(start) < measuringTime else { return end(now) }
            let request = FetchRequest(
                peer: peer, ticket: tickets[next], version: version, range: 0..<UInt64(bytes),
                destination: Destination(destinations[lane].bytes), deadline: now.advanced(by: .seconds(30)))
            next += 1
            running += 1
            reader.assumeIsolated { reader in
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
            continuation?.resume(
                returning: recorder.measurement(
                    "transfer tcp", bytes: bytes, threads: 2, inFlight: inFlight,
                    elapsedNanoseconds: now.nanoseconds - start.nanoseconds))
            continuation = nil
        }
    }
}

extension TransferActor {
    fileprivate func issue(_ count: Int, to asker: Asker, version: Version, source: SharedBuffer) throws -> [Ticket] {
        try (0..<count).map { _ in
            try issueTicket(to: asker, version: version, bytes: SourceBytes(UnsafeRawBufferPointer(source.bytes))) { _ = source }
        }
    }
}
