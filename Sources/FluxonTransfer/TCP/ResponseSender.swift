/// Gives one response to a socket: the checksums of what one call moves are taken just before the kernel copies it, in the cache still.
final class ResponseSender {
    enum Outcome {
        /// Bytes went; there is room for more, or was a moment ago.
        case progress
        case waiting
        case complete
        case failed
    }

    /// What ends when the response is sent; nil for a refusal.
    let ticket: Ticket?
    /// Of the value's bytes.
    var byteCount: Int { source.count }
    private let layout: ResponseLayout
    private let source: UnsafeRawBufferPointer
    /// What one system call moves: all of a turn. Each call ends with a packet that is pushed out, however short.
    private let chunksPerCall: Int
    private let control: ControlBytes
    private var position = 0
    /// Chunks whose checksum was taken.
    private var checksummed = 0
    private var slices: [UnsafeRawBufferPointer] = []

    // SAFETY: `bytes` is pinned under `ticket` until its owner hears `done` or `pathClosed`, and nothing is sent after either.
    init(_ bytes: SourceBytes, chunkBytes: Int, ticket: Ticket, limits: TransferLimits) {
        source = bytes.bytes
        layout = ResponseLayout(length: source.count, chunkBytes: chunkBytes)
        self.ticket = ticket
        chunksPerCall = max(1, limits.bytesPerTurn / chunkBytes)
        control = ControlBytes(trailers: chunksPerCall + 1)
        control.setHead(ResponseHead(status: .ok, length: UInt64(source.count)).encoded())
    }

    init(refusing status: ResponseHead.Status) {
        source = UnsafeRawBufferPointer(start: nil, count: 0)
        layout = ResponseLayout(length: 0, chunkBytes: TransferLimits.chunkRange.lowerBound)
        ticket = nil
        chunksPerCall = 1
        control = ControlBytes(trailers: 1)
        control.setHead(ResponseHead(status: status).encoded())
    }

    func send(to stream: BulkStream, budget: Int) -> Outcome {
        var moved = 0
        while moved < budget {
            let offered = gather()
            guard offered > 0 else { return .complete }
            switch stream.send(slices) {
            case .moved(let count):
                moved += count
                position += count
                if position == layout.totalBytes { return .complete }
                // Less than was offered: the socket is full.
                if count < offered { return .progress }
            case .wouldBlock: return moved > 0 ? .progress : .waiting
            case .failed: return .failed
            }
        }
        return .progress
    }

    private func gather() -> Int {
        slices.removeAll(keepingCapacity: true)
        var ahead = position
        var trailers = 0
        while trailers < chunksPerCall, let segment = layout.segment(at: ahead) {
            switch segment {
            case .head(let range): slices.append(UnsafeRawBufferPointer(control.head(range)))
            case .payload(let range, let chunk):
                takeChecksum(of: chunk)
                slices.append(UnsafeRawBufferPointer(rebasing: source[range]))
            case .trailer(let range, let chunk):
                slices.append(UnsafeRawBufferPointer(control.trailer(of: chunk, range)))
                trailers += 1
            }
            ahead += segment.count
        }
        return ahead - position
    }

    private func takeChecksum(of chunk: Int) {
        guard chunk >= checksummed else { return }
        checksummed = chunk + 1
        control.setChecksum(Checksum.crc32c(UnsafeRawBufferPointer(rebasing: source[layout.payload(of: chunk)])), of: chunk)
    }
}
