/// Takes one response from a socket: payload straight to its place, checksums as the bytes come, while they are in the cache.
struct ResponseReceiver {
    enum Outcome: Equatable {
        /// Bytes came; there may be more at once.
        case progress
        case waiting
        case complete
        /// The connection is of no more use.
        case failed(TransferError.Reason)
        /// The source said no, in order.
        case answered(TransferError.Reason)
    }

    /// What one system call may bring, in whole chunks: what waits in the socket rarely exceeds it.
    private static let bytesPerCall = 512 << 10

    private let layout: ResponseLayout
    private let destination: Destination
    private(set) var position = 0
    /// Bytes of whole chunks whose checksum was right.
    private(set) var verified = 0
    private var checksum: UInt32 = 0
    private let chunksPerCall: Int
    private let control: ControlBytes
    private var slices: [UnsafeMutableRawBufferPointer] = []
    #if FLUXON_PLANTING
    var planted: PlantedTransferMistake?
    #endif

    init(length: Int, chunkBytes: Int, destination: Destination) {
        layout = ResponseLayout(length: length, chunkBytes: chunkBytes)
        self.destination = destination
        chunksPerCall = Self.bytesPerCall / chunkBytes + 1
        control = ControlBytes(trailers: min(chunksPerCall, layout.chunkCount) + 1)
    }

    /// How many bytes are worth waking for: the head alone may be an answer, and the last bytes come alone.
    func bytesToAwait(atMost limit: Int) -> Int {
        let rest = layout.totalBytes - position
        return position < Frames.responseBytes || rest <= layout.chunkBytes ? 1 : min(rest, limit)
    }

    mutating func receive(from stream: BulkStream, budget: Int) -> Outcome {
        // A few bytes more are cheaper than another turn.
        let rest = layout.totalBytes - position
        let budget = rest <= budget + layout.chunkBytes ? rest : budget
        var moved = 0
        while moved < budget {
            let asked = gather(atMost: budget - moved)
            switch stream.receive(into: slices) {
            case .moved(let count):
                moved += count
                if let outcome = take(count) { return outcome }
                // Less than there was room for: the socket is empty, and a further call would only say so.
                if count < asked { return .progress }
            case .wouldBlock: return moved > 0 ? .progress : .waiting
            case .failed(let reason): return .failed(reason)
            }
        }
        return .progress
    }

    /// Fills `slices` with where the next bytes belong.
    private mutating func gather(atMost limit: Int) -> Int {
        slices.removeAll(keepingCapacity: true)
        var ahead = position
        var trailers = 0
        while ahead - position < limit, trailers < chunksPerCall, let segment = layout.segment(at: ahead) {
            switch segment {
            case .head(let range): slices.append(control.head(range))
            case .payload(let range, _): slices.append(UnsafeMutableRawBufferPointer(rebasing: destination.bytes[range]))
            case .trailer(let range, let chunk):
                slices.append(control.trailer(of: chunk, range))
                trailers += 1
            }
            ahead += segment.count
        }
        return ahead - position
    }

    /// Accounts for the next `count` bytes, which lie where `gather` put them. Nil while more are to come.
    private mutating func take(_ count: Int) -> Outcome? {
        var rest = count
        while rest > 0, let segment = layout.segment(at: position) {
            let step = min(rest, segment.count)
            rest -= step
            position += step
            switch segment {
            case .head where position == Frames.responseBytes:
                if let refused = readHead(alsoCame: rest) { return refused }
            case .head: break
            case .payload(let range, _):
                let came = destination.bytes[range.lowerBound..<range.lowerBound + step]
                checksum = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: came), continuing: checksum)
            case .trailer(_, let chunk) where step == segment.count:
                let expected = control.checksum(of: chunk)
                guard isRight(expected) else { return .failed(.corrupted(chunk: chunk, expected: expected, computed: checksum)) }
                verified = layout.payload(of: chunk).upperBound
                checksum = 0
            case .trailer: break
            }
        }
        return position == layout.totalBytes ? .complete : nil
    }

    private func isRight(_ expected: UInt32) -> Bool {
        #if FLUXON_PLANTING
        if planted == .acceptAnyChecksum { return true }
        #endif
        return expected == checksum
    }

    private func readHead(alsoCame rest: Int) -> Outcome? {
        let head: ResponseHead
        do throws(FrameError) {
            var input = ByteInput(control.headBytes)
            guard let decoded = try ResponseHead.decode(&input) else { return .failed(.protocolViolation("a short response head")) }
            head = decoded
        } catch {
            return .failed(.protocolViolation("response head: \(error)"))
        }
        guard head.status != .ok else {
            if head.length == UInt64(layout.length) { return nil }
            return .failed(.protocolViolation("\(head.length) bytes offered, \(layout.length) asked for"))
        }
        guard head.length == 0, rest == 0 else { return .failed(.protocolViolation("bytes after a refusal")) }
        return .answered(head.status.reason ?? .refused)
    }
}
