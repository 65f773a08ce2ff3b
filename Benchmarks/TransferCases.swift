import FluxonMeasure
import FluxonSystem

/// Bulk transfers between two owners of this process over TCP loopback, from one shared-memory file into another: the bytes of
/// `raw loopback` through tickets, frames, checksums and two event loops.
func transferCases(bytes: Int) async throws {
    for inFlight in [1, 8] {
        let loops = (holder: try EventLoop.started(name: "holder"), reader: try EventLoop.started(name: "reader"))
        let pair = try await TransferPair.overTCP(bytes: bytes, inFlight: inFlight, loops: loops)
        let count = max(200, min(40_000, (16 << 30) / bytes)) * (bytes > 1 << 20 ? 4 : 1)
        let run = TransferRun(pair, tickets: try await pair.tickets(count), time: .seconds(1))
        Main.report(try await run.measure("transfer tcp", threads: 2))
        await pair.close()
        loops.reader.stop()
        loops.holder.stop()
    }
}
